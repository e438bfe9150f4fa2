//! The namespaces of SDP.

/// A namespace by its URI; prefixes mean nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Namespace {
    /// SystemsManagementCatalog.xsd
    Smc,
    /// SoftwareDistributionPackage.xsd
    Sdp,
    /// BaseApplicabilityRules.xsd
    Bar,
    /// LogicalApplicabilityRules.xsd
    Lar,
    /// MsiApplicabilityRules.xsd
    Msiar,
    /// Installers/CommandLineInstallation.xsd
    Cmd,
    /// Installers/MsiInstallation.xsd
    Msi,
    /// Installers/MspInstallation.xsd
    Msp,
    /// Installers/WindowsDriver.xsd, also without `Installers/`
    Drv,
    /// Any other, or none (empty).
    Other(Box<str>),
}

const SMC: &str = "http://schemas.microsoft.com/sms/2005/04/CorporatePublishing/SystemsManagementCatalog.xsd";
const WSUS: &str = "http://schemas.microsoft.com/wsus/2005/04/CorporatePublishing/";
const KNOWN: [(&str, Namespace); 9] = [
    ("SoftwareDistributionPackage.xsd", Namespace::Sdp),
    ("BaseApplicabilityRules.xsd", Namespace::Bar),
    ("LogicalApplicabilityRules.xsd", Namespace::Lar),
    ("MsiApplicabilityRules.xsd", Namespace::Msiar),
    ("Installers/CommandLineInstallation.xsd", Namespace::Cmd),
    ("Installers/MsiInstallation.xsd", Namespace::Msi),
    ("Installers/MspInstallation.xsd", Namespace::Msp),
    ("Installers/WindowsDriver.xsd", Namespace::Drv),
    ("WindowsDriver.xsd", Namespace::Drv),
];

impl Namespace {
    pub(super) fn of(uri: &str) -> Self {
        let known = uri.strip_prefix(WSUS).and_then(|name| KNOWN.into_iter().find(|(known, _)| *known == name));
        match known {
            Some((_, namespace)) => namespace,
            None if uri == SMC => Self::Smc,
            None => Self::Other(uri.into()),
        }
    }

    pub(super) fn uri(&self) -> String {
        match self {
            Self::Smc => SMC.to_owned(),
            Self::Other(uri) => uri.to_string(),
            known => KNOWN
                .iter()
                .find(|(_, namespace)| namespace == known)
                .map(|(name, _)| format!("{WSUS}{name}"))
                .unwrap_or_default(),
        }
    }
}
