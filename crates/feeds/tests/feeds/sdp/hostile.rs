//! Documents that attack their reader (rows V-10, V-12, V-13).

use patchwharf_feeds::{FeedError, Limits};
use patchwharf_model::catalogue::Frame;

use super::{NAMESPACES, Package, cabinet, catalogue, read, read_with, refusal};

fn in_catalogue(content: &str) -> String {
    format!("<smc:SystemsManagementCatalog {NAMESPACES}>{content}</smc:SystemsManagementCatalog>")
}

#[test]
fn v_12_document_type_declarations_are_refused() {
    let body = catalogue(&[Package::new(1)]).replace("<?xml version=\"1.0\" encoding=\"utf-8\"?>", "");
    let laughs: String =
        (1..10).map(|n| format!("<!ENTITY l{n} \"{}\">", format!("&l{};", n - 1).repeat(10))).collect();
    for declaration in [
        format!("<!DOCTYPE c [<!ENTITY l0 \"lol\">{laughs}]>"),
        "<!DOCTYPE c [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>".to_owned(),
        "<!DOCTYPE c SYSTEM \"http://127.0.0.1:9/x.dtd\">".to_owned(),
        "<!DOCTYPE c>".to_owned(),
    ] {
        let error = refusal(format!("{declaration}{body}"));
        assert_eq!(error.code(), "unsupported", "{error}");
        assert!(error.to_string().contains("document type declaration"), "{error}");
    }
    let undeclared = refusal(in_catalogue("<smc:x>&xxe;</smc:x>"));
    assert!(undeclared.to_string().contains("entity \"xxe\""), "{undeclared}");
}

#[test]
fn v_12_nesting_attributes_texts_and_tags_are_bounded() {
    let limited = |content: &str| match refusal(in_catalogue(content)) {
        FeedError::Limit { limit, .. } => limit,
        other => panic!("{other}"),
    };
    assert_eq!(limited(&"<smc:d>".repeat(200_000)), "nesting of elements");
    let attributes: String = (0..65).map(|n| format!(" a{n}=\"\"")).collect();
    assert_eq!(limited(&format!("<smc:x{attributes}/>")), "number of attributes");
    let text = "x".repeat((1 << 20) + 65_536);
    assert_eq!(limited(&format!("<smc:x>{text}</smc:x>")), "length of a tag or text");
    assert_eq!(limited(&format!("<smc:x a=\"{text}\"/>")), "length of a tag or text");
    assert_eq!(limited(&format!("<!-- {text} -->")), "length of a tag or text");
    assert_eq!(limited(&format!("<smc:x>{}</smc:x>", "<y/>".repeat(100_001))), "number of elements in a package");
    let pieces = format!("{}<![CDATA[]]>", "y".repeat(1 << 19)).repeat(3);
    assert_eq!(limited(&format!("<smc:x>{pieces}</smc:x>")), "length of a tag or text");
    let declarations: String = (0..300).map(|n| format!(" xmlns:n{n}=\"urn:{n}\"")).collect();
    assert!(read_with(in_catalogue(&format!("<smc:x{declarations}/>")).as_bytes(), &Limits::default()).1.is_err());
}

#[test]
fn v_12_sixty_four_levels_are_read() {
    let mut package = Package::new(1);
    let levels = 59;
    package.item = format!(
        "<sdp:ApplicabilityRules><sdp:IsInstalled>{}<lar:True/>{}</sdp:IsInstalled></sdp:ApplicabilityRules>",
        "<lar:Not>".repeat(levels - 1),
        "</lar:Not>".repeat(levels - 1)
    );
    let update = super::update(&package);
    assert_eq!(update.detail.items[0].is_installed.as_ref().unwrap().depth(), levels);
    let frame = Frame::Update(Box::new(update));
    let text = serde_json::to_string(&frame).unwrap();
    assert_eq!(serde_json::from_str::<Frame>(&text).unwrap(), frame, "and go through a pipe");
}

/// As many of these around `inner` as the reader lets through.
fn deepest(package: impl Fn(&str) -> String, open: &str, inner: &str, close: &str) -> (usize, Frame) {
    let nested = |levels: usize| package(&format!("{}{inner}{}", open.repeat(levels), close.repeat(levels)));
    let levels = (0..).find(|levels| read_with(nested(levels + 1).as_bytes(), &Limits::default()).1.is_err()).unwrap();
    let mut outcome = read(nested(levels));
    assert_eq!(outcome.updates.len(), 1, "{:?}", outcome.rejected);
    (levels, Frame::Update(Box::new(outcome.updates.remove(0))))
}

/// A frame that the parent cannot read would cost the whole catalogue.
#[test]
fn v_12_the_deepest_of_everything_goes_through_a_pipe() {
    const FILE: &str = r#"<bar:FileExistsPrependRegSz Key="HKEY_LOCAL_MACHINE" Subkey="s" Value="v" Path="p"/>"#;
    let rules =
        |rule: &str| Package { rules: format!("<sdp:IsInstallable>{rule}</sdp:IsInstallable>"), ..Package::new(1) };
    let item = |content: &str| Package { item: content.to_owned(), ..Package::new(1) };
    let of_item = |rule: &str| {
        item(&format!("<sdp:ApplicabilityRules><sdp:IsInstalled>{rule}</sdp:IsInstalled></sdp:ApplicabilityRules>"))
    };
    let metadata =
        |of: &str| item(&format!("<sdp:ApplicabilityRules><sdp:Metadata>{of}</sdp:Metadata></sdp:ApplicabilityRules>"));
    let wholes: [fn(&Package) -> String; 2] = [Package::document, |package| catalogue(std::slice::from_ref(package))];
    for whole in wholes {
        for (levels, frame) in [
            deepest(|content| whole(&rules(content)), "<lar:And>", FILE, "</lar:And>"),
            deepest(|content| whole(&of_item(content)), "<lar:Or>", FILE, "</lar:Or>"),
            deepest(|content| whole(&rules(content)), "<bar:Unheard>", "<lar:True/>", "</bar:Unheard>"),
            deepest(|content| whole(&metadata(content)), "<bar:Unheard>", "<lar:True/>", "</bar:Unheard>"),
            deepest(|content| whole(&item(content)), "<bar:Unheard>", "<lar:True/>", "</bar:Unheard>"),
        ] {
            assert!(levels > 50, "{levels}");
            let text = serde_json::to_string(&frame).unwrap();
            let back = serde_json::from_str::<Frame>(&text);
            assert_eq!(back.map_err(|error| format!("{levels} levels: {error}")).unwrap(), frame);
        }
    }
}

#[test]
fn more_packages_than_allowed_are_refused() {
    let xml = catalogue(&[Package::new(1), Package::new(2), Package::new(3)]);
    let (outcome, result) = read_with(xml.as_bytes(), &Limits { entries: 2, ..Limits::default() });
    assert_eq!((outcome.updates.len(), result.unwrap_err().code()), (2, "limit"));
}

#[test]
fn other_encodings_and_containers_are_named() {
    let xml = catalogue(&[Package::new(1)]);
    let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain(xml.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    for (bytes, reason) in [
        (utf16.clone(), "UTF-16"),
        (utf16[2..].to_vec(), "UTF-16"),
        (xml.replace("utf-8", "iso-8859-1").into_bytes(), "iso-8859-1"),
        (vec![0x1f, 0x8b, 8, 0], "gzip"),
        (b"PK\x03\x04".to_vec(), "zip"),
    ] {
        let error = refusal(&bytes);
        assert_eq!(error.code(), "unsupported");
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[test]
fn broken_documents_say_where() {
    for (content, reason) in [
        ("<smc:a></smc:b>", "smc:b"),
        ("<smc:a b=1/>", "at byte"),
        ("<smc:a b=\"\" b=\"\"/>", "duplicate"),
        ("<nope:a/>", "not declared"),
        ("<smc:a>&#0;</smc:a>", "at byte"),
    ] {
        let error = refusal(in_catalogue(content));
        assert_eq!(error.code(), "malformed", "{content}: {error}");
        assert!(error.to_string().contains(reason), "{content}: {error}");
    }
    let twice = catalogue(&[]) + "<x/>";
    assert!(refusal(twice).to_string().contains("after its root"));
    assert_eq!(refusal("just text").code(), "unsupported");
    assert_eq!(refusal("").code(), "truncated");
    assert_eq!(refusal(b"<\xff\xfe>").code(), "malformed");
}

#[test]
fn characters_that_xml_forbids_become_replacement_characters() {
    let mut package = Package::new(1);
    package.properties = package.properties.replace("Wharf", "Wh\u{1}arf\0");
    assert_eq!(super::update(&package).vendor, "Wh\u{fffd}arf\u{fffd} & Sons");
}

#[test]
fn v_13_a_manifest_that_is_not_one_costs_nothing_else() {
    let good = Package::new(1).document();
    for manifest in ["[".repeat(200_000), r#"{"a":1}"#.to_owned(), r#"{"a":"\ud800"}"#.to_owned(), "1e400".to_owned()] {
        let outcome = read(cabinet(&[("a.sdp", &good), ("update_manifest.json", &manifest)]));
        assert_eq!((outcome.updates.len(), outcome.rejected.len()), (1, 1));
    }
}
