//! The shapes in which catalogues come.

use patchwharf_feeds::Limits;
use patchwharf_testkit::{
    cab::Method,
    sdp::{Catalogue, Many},
};

use super::{Package, cabinet, catalogue, guid, read, read_with, refusal};

fn keys(outcome: &super::Outcome) -> Vec<String> {
    outcome.updates.iter().map(|update| update.key.clone()).collect()
}

#[test]
fn one_document_bare_or_in_a_cabinet_gives_the_same() {
    let xml = catalogue(&[Package::new(1), Package::new(2)]);
    let bare = read(&xml);
    assert_eq!(keys(&bare), [guid(1), guid(2)]);
    assert_eq!(read(cabinet(&[("Readme.txt", "-"), ("Catalog.XML", &xml)])).updates, bare.updates);
    assert_eq!(read(format!("\u{feff}{xml}")).updates, bare.updates, "with a byte order mark");
    assert_eq!(read(Package::new(1).document()).updates, bare.updates[..1]);
}

#[test]
fn a_catalogue_packed_by_lzx_or_mszip_gives_what_the_bare_document_gives() {
    let many = Many::new(400, "https://vendor.example");
    let catalogue = Catalogue::new((0..400).map(|number| many.update(number)));
    let xml = catalogue.v1_xml();
    let bare = read(&xml);
    let documents = read(catalogue.v2_cab(Method::Stored));
    assert_eq!((bare.updates.len(), documents.updates.len()), (400, 400));
    for method in [Method::Lzx, Method::Mszip] {
        let packed = catalogue.v1_cab(method);
        assert!(packed.len() < xml.len() / 3, "{method:?}: {} of {} bytes", packed.len(), xml.len());
        assert!(read(&packed).updates == bare.updates, "{method:?}");
        assert!(read(catalogue.v2_cab(method)).updates == documents.updates, "{method:?}, a document for each update");
    }
}

#[test]
fn packages_of_their_own_with_a_manifest_give_the_same() {
    let [one, two] = [1, 2].map(|number| Package::new(number).document());
    let manifest = format!(r#"{{"{}":"2026-03-04T05:06:07","{}":"2026-03-04T05:06:07"}}"#, guid(1), guid(2));
    let whole = read(cabinet(&[("V2/one.sdp", &one), ("V2/two.sdp", &two), ("update_manifest.json", &manifest)]));
    let expected = read(catalogue(&[Package::new(1), Package::new(2)])).updates;
    assert_eq!(whole.updates, expected);
    assert_eq!(whole.rejected, []);

    let partial = read(cabinet(&[("update_manifest.json", &manifest), ("V2/one.sdp", &one)]));
    assert_eq!(keys(&partial), [guid(1)]);
    assert!(partial.rejected[0].reason.contains(&guid(2)), "{:?}", partial.rejected);
}

#[test]
fn a_broken_document_among_many_is_rejected_alone() {
    let good = Package::new(1).document();
    let cut = &good[..good.len() / 2];
    let doctype = format!("<!DOCTYPE x []>{good}");
    let outcome = read(cabinet(&[("cut.sdp", cut), ("type.sdp", &doctype), ("good.sdp", &good)]));
    assert_eq!(keys(&outcome), [guid(1)]);
    assert_eq!(outcome.rejected[0].item, "cut.sdp");
    assert!(outcome.rejected[0].reason.contains("cut off at byte"), "{:?}", outcome.rejected);
    assert!(outcome.rejected[1].reason.contains("document type declaration"), "{:?}", outcome.rejected);
}

#[test]
fn prefixes_mean_nothing() {
    let expected = read(catalogue(&[Package::new(7)])).updates;
    let xml = catalogue(&[Package::new(7)])
        .replace("xmlns=\"http://www.w3.org/2001/XMLSchema\"", "xmlns:sdp=\"http://www.w3.org/2001/XMLSchema\"")
        .replace("xmlns:sdp=\"http://schemas", "xmlns=\"http://schemas")
        .replace("<sdp:", "<")
        .replace("</sdp:", "</")
        .replace("smc", "zzz");
    assert_eq!(read(&xml).updates, expected);
    let wrong = catalogue(&[Package::new(7)]).replace("wsus/2005/04", "wsus/2099/01");
    assert_eq!(read(&wrong).rejected.len(), 1, "the same names in another namespace are something else");
}

#[test]
fn what_is_no_catalogue_at_all_is_called_so_and_xml_of_any_encoding_is_tried() {
    let error = refusal("Not found\n\u{1b}[2J");
    assert!(error.to_string().contains("neither a cabinet nor XML: it begins with \"Not \""), "{error}");
    for xml in [&b"\xef\xbb\xbf<a/>"[..], b"\xff\xfe<\0a\0", b"\n <a/>", b"\0<\0a"] {
        assert!(!refusal(xml).to_string().contains("neither a cabinet nor XML"), "{xml:?}");
    }
}

#[test]
fn cabinets_without_a_catalogue_are_refused() {
    let error = refusal(cabinet(&[("Readme.txt", "-")]));
    assert_eq!(error.code(), "malformed");
    assert!(error.to_string().contains("neither a catalogue"), "{error}");
    let error = refusal(cabinet(&[("page.xml", "<html/>")]));
    assert!(error.to_string().contains("root element is \"html\""), "{error}");
}

#[test]
fn s_20_a_catalogue_cut_at_any_thousandth_byte_fails_as_a_whole_and_says_where() {
    let xml = catalogue(&(0..20).map(Package::new).collect::<Vec<_>>());
    let packed = cabinet(&[("c.xml", &xml)]);
    for whole in [xml.as_bytes(), &packed] {
        for length in (0..whole.len()).step_by(1000) {
            let (outcome, result) = read_with(&whole[..length], &Limits::default());
            let error = result.expect_err("it was read");
            assert!(!outcome.ended);
            assert!(matches!(error.code(), "truncated" | "malformed"), "{length}: {error}");
            assert!(error.to_string().contains("at byte"), "{length}: {error}");
        }
    }
}

#[test]
fn a_sink_that_stops_ends_the_reading() {
    let xml = catalogue(&[Package::new(1), Package::new(2)]);
    let mut frames = 0;
    let stopped = patchwharf_feeds::sdp::read("test", xml.as_bytes(), &Limits::default(), &mut |_| {
        frames += 1;
        if frames == 2 { Err(patchwharf_feeds::SinkError(std::io::ErrorKind::BrokenPipe.into())) } else { Ok(()) }
    });
    assert_eq!((stopped.unwrap_err().code(), frames), ("stopped", 2));
}
