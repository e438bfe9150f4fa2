mod hostile;
mod reading;

use std::io::Read;

use patchwharf_feeds::{FeedError, Limits, cab::Cabinet};

/// Every member with its bytes.
fn unpack(bytes: &[u8], limits: &Limits) -> Result<Vec<(String, Vec<u8>)>, FeedError> {
    let mut cabinet = Cabinet::open("test.cab", bytes, limits)?;
    let mut members = Vec::new();
    while let Some(mut member) = cabinet.next_member()? {
        let mut content = Vec::new();
        member.read_to_end(&mut content).map_err(|error| FeedError::from_io("test.cab", 0, error))?;
        assert_eq!(content.len() as u64, member.entry().size_bytes);
        members.push((member.entry().name.clone(), content));
    }
    Ok(members)
}

fn refusal(bytes: &[u8]) -> FeedError {
    unpack(bytes, &Limits::default()).expect_err("it was read")
}
