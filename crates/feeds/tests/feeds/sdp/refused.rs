//! Packages that do not hold together: rejected with the reason, while the rest goes on.

use super::{Package, catalogue, guid, read};

/// Reads the package between two good ones.
fn reason(bad: Package) -> String {
    let outcome = read(catalogue(&[Package::new(1), bad, Package::new(3)]));
    let keys: Vec<_> = outcome.updates.iter().map(|update| update.key.clone()).collect();
    assert_eq!(keys, [guid(1), guid(3)], "the rest goes on");
    assert_eq!(outcome.rejected.len(), 1);
    assert!(!outcome.rejected[0].item.is_empty());
    outcome.rejected[0].reason.clone()
}

fn with_file(from: &str, to: &str) -> Package {
    let mut package = Package::new(2);
    assert!(package.file.contains(from));
    package.file = package.file.replace(from, to);
    package
}

#[test]
fn s_17_v_09_hostile_file_names_are_refused() {
    for name in [
        "../../etc/cron.d/x",
        "..\\x.exe",
        "C:\\x.exe",
        "CON",
        "nul.exe",
        "a:stream",
        "x.",
        "x ",
        "evil&#x202e;gpj.exe",
        "a&#10;b",
    ] {
        let reason = reason(with_file("setup2.exe\" Size", &format!("{name}\" Size")));
        assert!(reason.contains("is refused"), "{name}: {reason}");
    }
    let long = "x".repeat(300);
    assert!(reason(with_file("setup2.exe\" Size", &format!("{long}\" Size"))).contains("255 bytes"));
}

#[test]
fn v_09_names_that_some_disk_takes_as_one_are_refused() {
    for (one, other) in [("Setup.exe", "SETUP.EXE"), ("caf\u{e9}.exe", "cafe\u{301}.exe"), ("same.exe", "same.exe")] {
        let mut package = with_file("setup2.exe\" Size", &format!("{one}\" Size"));
        let second =
            Package::new(2).file.replace("setup2.exe\" Size", &format!("{other}\" Size")).replace("qZk+", "AAAA");
        package.file += &format!("</sdp:InstallableItem><sdp:InstallableItem ID=\"{}\">{second}", guid(8));
        let reason = reason(package);
        assert!(reason.contains("would be one"), "{one} {other}: {reason}");
    }
}

/// A catalogue chooses how many there are: comparing each with each would take minutes for one package.
#[test]
fn v_10_as_many_files_as_a_package_can_have_are_compared_in_linear_time() {
    const FILES: u64 = 30_000;
    let package = |name: fn(u64) -> String, language: fn(u64) -> String| {
        let mut package = Package::new(1);
        for number in 0..FILES {
            package.file += &format!(
                "</sdp:InstallableItem><sdp:InstallableItem ID=\"{}\"><sdp:OriginFile \
                 Digest=\"qZk+NkcGgWq6PiVxeFDCbJzQ2J0=\" FileName=\"{}\" Size=\"1\"/><sdp:Language>{}</sdp:Language>",
                guid(number),
                name(number),
                language(number)
            );
        }
        let mut outcome = read(package.document());
        assert_eq!(outcome.rejected, []);
        outcome.updates.remove(0).files
    };
    let different = package(|number| format!("\u{fc}-{number}.exe"), |_| String::new());
    assert_eq!(different.len() as u64, 1 + FILES);
    let same = package(|_| "same.exe".to_owned(), |number| format!("l{number}"));
    assert_eq!((same.len() as u64, same[1].languages.len() as u64), (2, FILES));
}

#[test]
fn files_that_nothing_could_prove_are_refused() {
    let digest = "Digest=\"qZk+NkcGgWq6PiVxeFDCbJzQ2J0=\"";
    for (from, to, expected) in [
        (digest, "", "no digest"),
        (digest, "Digest=\"\"", "no digest"),
        (digest, "Digest=\"qZk+\"", "20 bytes"),
        (digest, "Digest=\"!!!\"", "20 bytes"),
        ("Size=\"1000\"", "", "lacks Size"),
        ("Size=\"1000\"", "Size=\"0\"", "its size is 0"),
        ("Size=\"1000\"", "Size=\"-1\"", "Size"),
        ("Size=\"1000\"", "Size=\"99999999999999\"", "its size is"),
        ("FileName=\"setup2.exe\"", "", "lacks FileName"),
        ("/>", "><sdp:AdditionalDigest Algorithm=\"SHA256\">AAAA</sdp:AdditionalDigest></sdp:OriginFile>", "SHA-256"),
        ("https://vendor.example/", "https://vendor.example/&#13;&#10;X: y", "control characters"),
    ] {
        let reason = reason(with_file(from, to));
        assert!(reason.contains(expected), "{to}: {reason}");
    }
}

#[test]
fn packages_without_identity_or_with_nonsense_are_refused() {
    let with = |from: &str, to: &str| {
        let mut package = Package::new(2);
        assert!(package.properties.contains(from));
        package.properties = package.properties.replace(from, to);
        package
    };
    let id = format!("PackageID=\"{}\"", guid(2));
    assert!(reason(with(&id, "")).contains("lacks PackageID"));
    assert!(reason(with(&guid(2), "../../x")).contains("a GUID is needed"));
    assert!(reason(with("2026-03-04T05:06:07Z", "soon")).contains("date and time"));
    assert!(reason(with("VendorName", "PublicationState=\"Gone\" VendorName")).contains("Published or Expired"));
    let mut severity = Package::new(2);
    severity.about = severity.about.replace("Important", "Terrible");
    assert!(reason(severity).contains("not a severity"));
    let mut untitled = Package::new(2);
    untitled.about = format!("<sdp:LocalizedProperties/>{}", untitled.about);
    assert!(reason(untitled).contains("lacks Title"));
    let mut two = Package::new(2);
    two.rules = "<sdp:IsInstallable><lar:True/><lar:False/></sdp:IsInstallable>".to_owned();
    assert!(reason(two).contains("more than one rule"));
}
