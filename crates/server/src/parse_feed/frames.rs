//! Length-framed JSON on a pipe: 4 bytes of length, big-endian, and the JSON.

use std::io::{self, Write};

use patchwharf_model::catalogue::{Frame, MAX_FRAME_BYTES, Rejected};
use patchwharf_store::fault::{self, Step};
use serde::Serialize;

/// Writes frames and counts them.
pub(super) struct FrameWriter<W> {
    out: W,
    buffer: Vec<u8>,
    updates: u64,
    rejected: u64,
}

impl<W: Write> FrameWriter<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, buffer: Vec::new(), updates: 0, rejected: 0 }
    }

    /// Writes any value as one frame. False: it is too large.
    pub(super) fn value(&mut self, value: &impl Serialize) -> io::Result<bool> {
        self.buffer.clear();
        serde_json::to_writer(&mut self.buffer, value).map_err(io::Error::other)?;
        let Some(length) = u32::try_from(self.buffer.len()).ok().filter(|length| *length <= MAX_FRAME_BYTES) else {
            return Ok(false);
        };
        self.out.write_all(&length.to_be_bytes())?;
        self.out.write_all(&self.buffer)?;
        Ok(true)
    }

    /// Writes a frame of a catalogue; an update that is too large for one is rejected instead.
    pub(super) fn frame(&mut self, frame: Frame) -> io::Result<()> {
        let frame = match frame {
            Frame::End { .. } => Frame::End { updates: self.updates, rejected: self.rejected },
            other => other,
        };
        let counted = match &frame {
            Frame::Update(_) => &mut self.updates,
            _ => &mut self.rejected,
        };
        *counted += u64::from(matches!(frame, Frame::Update(_) | Frame::Rejected(_)));
        fault::at(Step::ImportMidParse)?;
        if self.value(&frame)? {
            return Ok(());
        }
        let Frame::Update(update) = frame else { return Err(io::Error::other("a frame is too large")) };
        self.updates -= 1;
        let reason = format!("its description is larger than {MAX_FRAME_BYTES} bytes");
        self.frame(Frame::Rejected(Rejected { item: update.key.chars().take(200).collect(), reason }))
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
