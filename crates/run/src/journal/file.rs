//! One writer's file as bytes: a head, then records.
//!
//! ```text
//! file   = head, record*
//! head   = "LPZJRNAL", u32 layout, u32 version, u8 length, format, inputs (32),
//!          checksum (16) of all that
//! record = "LPZB", u64 number, piece (32), u64 length of the value, u64 length of the
//!          note, value, note, checksum (16) of the head's checksum and all that
//! ```
//!
//! Numbers are little-endian, checksums the first bytes of a BLAKE3 hash. A record is
//! bound to the head and to its place: it is valid in no other file and nowhere else.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::ops::Range;

use super::kind::Kind;
use crate::{ContentHash, Hasher};

const MAGIC: &[u8; 8] = b"LPZJRNAL";

/// Changes whenever the layout of heads or records does.
const LAYOUT: u32 = 2;

/// Starts every record, so that intact ones are found behind a damaged one.
const MARKER: &[u8; 4] = b"LPZB";

/// Bytes of a record before its value.
const FRAME: usize = MARKER.len() + 8 + ContentHash::LENGTH + 16;
pub(super) const CHECKSUM: usize = 16;

/// Shortest record.
const LEAST: u64 = (FRAME + CHECKSUM) as u64;

/// Longest record. What claims to be longer is none, and no more than that is looked at
/// behind the last intact record. So memory does not depend on the file.
const MOST: u64 = 256 << 20;

type Checksum = [u8; CHECKSUM];

/// Beginning of a file.
pub(super) enum Beginning {
    /// Nothing, or a head of this kind that was not written to its end.
    Torn,
    /// A head of this kind.
    Whole(Head),
    /// A head of this kind, but of this version.
    OtherVersion(u32),
    /// The head is damaged.
    Damaged,
    /// Something else.
    Foreign,
}

/// The head of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) inputs: ContentHash,
    /// Checksum that binds records to it.
    pub(super) seal: Seal,
    pub(super) length: u64,
}

/// Binds records to a head: its checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seal(Checksum);

/// One record as it stands in a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) number: u64,
    pub(super) piece: ContentHash,
    /// Where the value begins.
    pub(super) offset: u64,
    pub(super) value: u64,
    pub(super) note: u64,
}

impl Place {
    /// Where the record ends.
    pub(super) fn end(&self) -> u64 {
        self.offset + self.value + self.note + CHECKSUM as u64
    }

    /// Value and note, read again.
    pub(super) fn read(&self, mut file: &File, seal: Seal) -> io::Result<(Vec<u8>, Vec<u8>)> {
        let start = self.offset - FRAME as u64;
        file.seek(SeekFrom::Start(start))?;
        let mut record = Vec::new();
        let length = self.end() - start;
        file.take(length).read_to_end(&mut record)?;
        // Every record was checked when the file was opened.
        let changed = || io::Error::other("the file has changed since it was opened");
        let record = parse(&record, seal, length).ok_or_else(changed)?;
        if (record.number, record.piece) != (self.number, self.piece) {
            return Err(changed());
        }
        Ok((record.value.to_vec(), record.note.to_vec()))
    }
}

/// A record that was taken apart.
struct Parsed<'a> {
    number: u64,
    piece: ContentHash,
    value: &'a [u8],
    note: &'a [u8],
}

fn checksum(hasher: &Hasher) -> Checksum {
    let mut checksum = [0; CHECKSUM];
    checksum.copy_from_slice(&hasher.finish().as_bytes()[..CHECKSUM]);
    checksum
}

impl Seal {
    fn of(head: &[u8]) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(head);
        Self(checksum(&hasher))
    }

    fn over(self, framed: &[u8]) -> Checksum {
        let mut hasher = Hasher::new();
        hasher.update(&self.0).update(framed);
        checksum(&hasher)
    }
}

/// Bytes that the head of every journal of this kind begins with.
fn declared(kind: Kind) -> Vec<u8> {
    let mut declared = MAGIC.to_vec();
    declared.extend_from_slice(&LAYOUT.to_le_bytes());
    declared.extend_from_slice(&kind.version.to_le_bytes());
    let format = &kind.format.as_bytes()[..kind.format.len().min(255)];
    declared.push(format.len() as u8);
    declared.extend_from_slice(format);
    declared
}

/// Whether a file holds no more than the head of a journal, of whatever kind.
pub(super) fn holds_no_record(file: &File) -> io::Result<bool> {
    let fixed = MAGIC.len() + 9;
    let mut found = Vec::new();
    file.take(fixed as u64).read_to_end(&mut found)?;
    let magic = &MAGIC[..found.len().min(MAGIC.len())];
    let format = found.get(fixed - 1).map_or(0, |&length| length.into());
    let head = (fixed + format + ContentHash::LENGTH + CHECKSUM) as u64;
    Ok(found.starts_with(magic) && file.metadata()?.len() <= head)
}

/// The head of a file, as bytes too.
pub(super) fn head(kind: Kind, inputs: ContentHash) -> (Vec<u8>, Head) {
    let mut bytes = declared(kind);
    bytes.extend_from_slice(inputs.as_bytes());
    let seal = Seal::of(&bytes);
    bytes.extend_from_slice(&seal.0);
    let head = Head {
        inputs,
        seal,
        length: bytes.len() as u64,
    };
    (bytes, head)
}

/// Reads the beginning of a file.
pub(super) fn beginning(reader: &mut impl Read, kind: Kind) -> io::Result<Beginning> {
    let expected = declared(kind);
    let version = MAGIC.len() + 4..MAGIC.len() + 8;
    let whole = expected.len() + ContentHash::LENGTH + CHECKSUM;
    let mut found = Vec::new();
    reader.take(whole as u64).read_to_end(&mut found)?;
    let as_expected = |part: Range<usize>| {
        let part = part.start.min(found.len())..part.end.min(found.len());
        found[part.clone()] == expected[part]
    };
    if !as_expected(0..version.start) || !as_expected(version.end..expected.len()) {
        return Ok(Beginning::Foreign);
    }
    if found.len() < whole {
        return Ok(match as_expected(version) {
            true => Beginning::Torn,
            false => Beginning::Damaged,
        });
    }
    let (head, seal) = found.split_at(whole - CHECKSUM);
    let sealed = Seal::of(head);
    if sealed.0 != *seal {
        return Ok(Beginning::Damaged);
    }
    let mut rest = &head[version.start..];
    let version = take(&mut rest).map_or(0, u32::from_le_bytes);
    if version != kind.version {
        return Ok(Beginning::OtherVersion(version));
    }
    let mut rest = &head[expected.len()..];
    Ok(match take(&mut rest) {
        Some(inputs) => Beginning::Whole(Head {
            inputs: ContentHash::from_bytes(inputs),
            seal: sealed,
            length: whole as u64,
        }),
        None => Beginning::Damaged,
    })
}

/// A whole record.
pub(super) fn record(
    number: u64,
    piece: ContentHash,
    value: &[u8],
    note: &[u8],
    seal: Seal,
) -> Vec<u8> {
    let mut record = Vec::with_capacity(FRAME + value.len() + note.len() + CHECKSUM);
    record.extend_from_slice(MARKER);
    record.extend_from_slice(&number.to_le_bytes());
    record.extend_from_slice(piece.as_bytes());
    record.extend_from_slice(&(value.len() as u64).to_le_bytes());
    record.extend_from_slice(&(note.len() as u64).to_le_bytes());
    record.extend_from_slice(value);
    record.extend_from_slice(note);
    let checksum = seal.over(&record);
    record.extend_from_slice(&checksum);
    record
}

/// Length that the record which starts here says it has; `None` where that is more than
/// `left`, or where no record starts.
fn claimed(bytes: &[u8], left: u64) -> Option<u64> {
    let mut lengths = bytes.get(..FRAME)?;
    if !lengths.starts_with(MARKER) {
        return None;
    }
    lengths = &lengths[FRAME - 16..];
    let value = u64::from_le_bytes(take(&mut lengths)?);
    let note = u64::from_le_bytes(take(&mut lengths)?);
    let whole = value.checked_add(note)?.checked_add(LEAST)?;
    (whole <= left.min(MOST)).then_some(whole)
}

/// The record that starts here, if it is intact and ends within `left` bytes.
fn parse(bytes: &[u8], seal: Seal, left: u64) -> Option<Parsed<'_>> {
    let length = usize::try_from(claimed(bytes, left)?).ok()?;
    let (framed, found) = bytes.get(..length)?.split_last_chunk::<CHECKSUM>()?;
    if seal.over(framed) != *found {
        return None;
    }
    let mut rest = &framed[MARKER.len()..];
    let number = u64::from_le_bytes(take(&mut rest)?);
    let piece = ContentHash::from_bytes(take(&mut rest)?);
    let value = u64::from_le_bytes(take(&mut rest)?) as usize;
    let (value, note) = rest.split_at_checked(8)?.1.split_at_checked(value)?;
    Some(Parsed {
        number,
        piece,
        value,
        note,
    })
}

/// Outcome of reading records until the end of a file.
pub(super) enum Scan {
    /// End of the last intact record; what follows is torn.
    Until(u64),
    /// The record that begins at this byte is damaged, though more follows.
    Damaged(u64),
}

/// Reads the records that stand in a range of a file, in one pass, and shows each with
/// its value.
pub(super) fn scan<E>(
    file: &File,
    range: Range<u64>,
    seal: Seal,
    mut show: impl FnMut(Place, &[u8]) -> Result<(), E>,
) -> io::Result<Result<Scan, E>> {
    let mut reader = BufReader::with_capacity(1 << 20, file);
    reader.seek(SeekFrom::Start(range.start))?;
    let (mut end, length, mut number) = (range.start, range.end, 1);
    let mut record = Vec::new();
    while end < length {
        record.clear();
        let mut part = |bytes| reader.by_ref().take(bytes).read_to_end(&mut record);
        part(FRAME as u64)?;
        let left = length - end;
        if let Some(whole) = claimed(&record, left) {
            let mut part = |bytes| reader.by_ref().take(bytes).read_to_end(&mut record);
            part(whole - FRAME as u64)?;
        }
        let Some(parsed) = parse(&record, seal, left) else {
            let mut rest = Vec::new();
            reader.seek(SeekFrom::Start(end + 1))?;
            // No further than the file was when reading began: another writer may go on.
            let rest_of = length - end - 1;
            if rest_of > MOST {
                return Ok(Ok(Scan::Damaged(end)));
            }
            reader.by_ref().take(rest_of).read_to_end(&mut rest)?;
            return Ok(Ok(match any_intact(&rest, seal) {
                true => Scan::Damaged(end),
                false => Scan::Until(end),
            }));
        };
        // Intact and out of its place: one before it is missing.
        if parsed.number != number {
            return Ok(Ok(Scan::Damaged(end)));
        }
        let place = Place {
            number,
            piece: parsed.piece,
            offset: end + FRAME as u64,
            value: parsed.value.len() as u64,
            note: parsed.note.len() as u64,
        };
        if let Err(error) = show(place, parsed.value) {
            return Ok(Err(error));
        }
        end = place.end();
        number += 1;
    }
    Ok(Ok(Scan::Until(end)))
}

/// Whether an intact record starts anywhere in these bytes. What claims to be one is
/// hashed; bytes that make so many claims that this is no longer linear are no torn
/// record, and count as one that is followed by others.
fn any_intact(bytes: &[u8], seal: Seal) -> bool {
    let mut budget = 2 * bytes.len() as u64 + 4096;
    let starts = bytes.windows(MARKER.len()).enumerate();
    for (start, _) in starts.filter(|(_, window)| window == MARKER) {
        let here = &bytes[start..];
        let Some(claimed) = claimed(here, here.len() as u64) else {
            continue;
        };
        if claimed > budget || parse(here, seal, claimed).is_some() {
            return true;
        }
        budget -= claimed;
    }
    false
}

/// The next bytes.
fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*taken)
}
