use super::*;

/// Microsoft's schema, where the samples lie beside the project.
fn schema() -> Option<std::path::PathBuf> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let candidates = [
        std::env::var_os("PATCHWHARF_SAMPLES").map(Into::into),
        Some(root.join("../../../shared/samples")),
        Some(root.join("../../../../shared/samples")),
    ];
    candidates
        .into_iter()
        .flatten()
        .map(|s: std::path::PathBuf| s.join("sdp/schema-patched/umbrella.xsd"))
        .find(|p| p.exists())
}

#[test]
fn updates_are_valid_by_microsofts_schema() {
    let Some(schema) = schema() else {
        return crate::skipped("no samples");
    };
    let vendor = Vendor::start();
    let mut update = Update::new(1, "PW26-001").payload(&vendor, &Payload::random("a & b.exe", 100)).supersedes([7, 8]);
    update.prerequisites = vec![vec![update_number(3), update_number(4)]];
    update.is_installed = Some("<lar:And><lar:True/><lar:Not><lar:False/></lar:Not></lar:And>".into());
    // SHA-256 is not in the schema that lies with the samples.
    update.items[0].sha256 = None;
    let mut out = Vec::new();
    xml::single(&mut out, &update).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.sdp");
    std::fs::write(&file, &out).unwrap();
    match std::process::Command::new("xmllint").arg("--noout").arg("--schema").arg(schema).arg(&file).output() {
        Ok(ran) => assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr)),
        Err(error) => crate::skipped(&format!("xmllint: {error}")),
    }
}

#[test]
fn a_large_catalogue_is_written_piece_by_piece() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("many.xml");
    Many::new(1000, "http://127.0.0.1:1").write_v1(&file).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(text.matches("</c:SoftwareDistributionPackage>").count(), 1000);
    assert_eq!(text.matches("<p:SupersededPackages>").count(), 99);
}
