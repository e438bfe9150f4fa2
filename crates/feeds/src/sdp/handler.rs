//! Install handlers: every child of an item that is not SDP's own.

use patchwharf_model::installable::{
    CommandLine, Handler, InstallResult, LocalizedText, Msi, Msp, RepairPath, ReturnCode,
};

use super::{
    element::{BadPackage, Element},
    namespace::Namespace::{Cmd, Msi as MsiSpace, Msp as MspSpace, Sdp},
};

/// The handler that an element is; none for an element of another kind.
pub(super) fn read(element: &Element) -> Result<Option<Handler>, BadPackage> {
    Ok(if element.is(&Cmd, "CommandLineInstallerData") {
        Some(Handler::CommandLine(command_line(element)?))
    } else if element.is(&MsiSpace, "MsiInstallerData") {
        Some(Handler::Msi(Msi {
            file: element.required("MsiFile")?.to_owned(),
            product: element.required("ProductCode")?.to_owned(),
            command_line: element.owned("CommandLine"),
            uninstall_command_line: element.owned("UninstallCommandLine"),
        }))
    } else if element.is(&MspSpace, "MspInstallerData") {
        Some(Handler::Msp(Msp {
            file: element.texts(&MspSpace, "MspFileName").into_iter().next().unwrap_or_default(),
            patch: element.attribute("PatchCode").map(str::to_owned),
            full_file_patch: element.attribute("FullFilePatchCode").map(str::to_owned),
            command_line: element.owned("CommandLine"),
            uninstall_command_line: element.owned("UninstallCommandLine"),
        }))
    } else if element.namespace == Sdp {
        None
    } else {
        Some(Handler::Unrecognised(element.markup()))
    })
}

fn command_line(element: &Element) -> Result<CommandLine, BadPackage> {
    Ok(CommandLine {
        program: element.required("Program")?.to_owned(),
        arguments: element.owned("Arguments"),
        default_result: result(element, "DefaultResult")?.unwrap_or_default(),
        reboot_by_default: element.flag("RebootByDefault")?,
        return_codes: element.all(&Cmd, "ReturnCode").map(return_code).collect::<Result<_, _>>()?,
        repair_paths: element.all(&Cmd, "WindowsInstallerRepairPath").map(repair_path).collect::<Result<_, _>>()?,
    })
}

fn return_code(element: &Element) -> Result<ReturnCode, BadPackage> {
    let description = |text: &Element| LocalizedText {
        languages: text.texts(&Cmd, "Language"),
        title: String::new(),
        text: text.first(&Cmd, "Description").map(Element::text).unwrap_or_default().to_owned(),
    };
    Ok(ReturnCode {
        code: element.needed("Code")?,
        result: result(element, "Result")?.ok_or_else(|| BadPackage("ReturnCode lacks Result".to_owned()))?,
        reboot: element.flag("Reboot")?,
        descriptions: element.all(&Cmd, "LocalizedDescription").map(description).collect(),
    })
}

fn repair_path(element: &Element) -> Result<RepairPath, BadPackage> {
    Ok(RepairPath {
        target: element.required("TargetId")?.to_owned(),
        is_patch: element.attribute("TargetType") == Some("MsiPatch"),
        path: element.required("RelativePathToExe")?.to_owned(),
    })
}

fn result(element: &Element, name: &str) -> Result<Option<InstallResult>, BadPackage> {
    Ok(match element.attribute(name) {
        None => None,
        Some("Failed") => Some(InstallResult::Failed),
        Some("Succeeded") => Some(InstallResult::Succeeded),
        Some("Cancelled") => Some(InstallResult::Cancelled),
        Some(other) => return Err(element.bad(name, other, &"Failed, Succeeded or Cancelled is needed")),
    })
}
