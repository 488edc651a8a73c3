//! The storages that a pickle of torch's names, by its opcodes alone: nothing is built, called or imported.
//!
//! torch writes a tensor's storage as a persistent id: `MARK "storage" TYPE KEY DEVICE ELEMENTS TUPLE BINPERSID`, each of
//! the five perhaps by way of the memo. Opcodes: torch/csrc/jit/serialization/pickler.h.

use std::collections::HashMap;
use std::ops::Range;

/// The place of the key among the parts of a persistent id.
const KEY: usize = 2;
const ELEMENTS: usize = 4;
const PARTS: usize = 5;

/// A text of the pickle that names storages.
#[derive(Debug, PartialEq, Eq)]
pub struct Key {
    pub text: String,
    /// Of its opcode, length and characters.
    span: Range<usize>,
    /// Whether a storage of it has elements.
    pub has_elements: bool,
    /// Whether it also means something else, so that it cannot be replaced.
    has_other_use: bool,
}

/// The keys of a pickle, in order of appearance; none where it has opcodes that torch does not write.
pub fn keys(pickle: &[u8]) -> Option<Vec<Key>> {
    let mut scan = Scan {
        bytes: pickle,
        at: 0,
        items: Vec::new(),
        tuple: Vec::new(),
        memo: HashMap::new(),
        texts: Vec::new(),
    };
    while scan.step()? {}
    let texts = scan.texts.into_iter().filter(|text| text.key_uses > 0);
    let key = |text: Text| Key {
        text: text.characters,
        span: text.span,
        has_elements: text.has_elements,
        has_other_use: text.key_uses != text.uses,
    };
    Some(texts.map(key).collect())
}

/// The pickle with a prefix before each key; none where a key means something else too.
pub fn with_prefix(pickle: &[u8], keys: &[Key], prefix: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(pickle.len() + keys.len() * prefix.len());
    let mut at = 0;
    for key in keys {
        if key.has_other_use {
            return None;
        }
        let text = format!("{prefix}{}", key.text);
        out.extend_from_slice(pickle.get(at..key.span.start)?);
        out.push(b'X');
        out.extend_from_slice(&u32::try_from(text.len()).ok()?.to_le_bytes());
        out.extend_from_slice(text.as_bytes());
        at = key.span.end;
    }
    out.extend_from_slice(pickle.get(at..)?);
    Some(out)
}

struct Text {
    characters: String,
    span: Range<usize>,
    uses: usize,
    key_uses: usize,
    has_elements: bool,
}

/// What an opcode leaves on the stack, as far as keys are concerned.
#[derive(Clone, Copy)]
enum Item {
    Text(usize),
    Number(u32),
    Other,
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
    /// On the stack since the last mark.
    items: Vec<Item>,
    /// What the last tuple was made of, until something else happens.
    tuple: Vec<Item>,
    memo: HashMap<u32, Item>,
    texts: Vec<Text>,
}

impl Scan<'_> {
    /// Takes one opcode; gives whether more follow.
    fn step(&mut self) -> Option<bool> {
        let tuple = std::mem::take(&mut self.tuple);
        let begin = self.at;
        let item = match self.byte()? {
            b'(' => {
                self.items.clear();
                return Some(true);
            }
            b't' => {
                self.tuple = std::mem::take(&mut self.items);
                Item::Other
            }
            b'Q' => {
                self.persistent_id(&tuple)?;
                Item::Other
            }
            b'X' => self.text(begin)?,
            b'K' => Item::Number(u32::from(self.byte()?)),
            b'M' => Item::Number(self.number(2)?),
            b'J' => Item::Number(self.number(4)?),
            opcode @ (b'h' | b'j') => {
                let slot = self.number(if opcode == b'h' { 1 } else { 4 })?;
                self.again(slot)
            }
            opcode @ (b'q' | b'r') => {
                let slot = self.number(if opcode == b'q' { 1 } else { 4 })?;
                self.memo.insert(slot, self.items.last().copied().unwrap_or(Item::Other));
                return Some(true);
            }
            b'.' => return Some(false),
            opcode => {
                self.pass_over(opcode)?;
                Item::Other
            }
        };
        self.items.push(item);
        Some(true)
    }

    /// Opcodes that have nothing to do with keys; what they leave is no part of a persistent id but its type.
    fn pass_over(&mut self, opcode: u8) -> Option<()> {
        let operand = match opcode {
            // PROTO
            0x80 => 1,
            // NONE, NEWTRUE, NEWFALSE, EMPTY_TUPLE, EMPTY_LIST, EMPTY_DICT, TUPLE1 to TUPLE3; APPEND, APPENDS,
            // SETITEM, SETITEMS, REDUCE, BUILD, NEWOBJ, LIST, DICT, POP
            b'N'
            | 0x88
            | 0x89
            | b')'
            | b']'
            | b'}'
            | 0x85..=0x87
            | b'a'
            | b'e'
            | b's'
            | b'u'
            | b'R'
            | b'b'
            | 0x81
            | b'l'
            | b'd'
            | b'0' => 0,
            // BINFLOAT
            b'G' => 8,
            // LONG1
            0x8a => usize::from(self.byte()?),
            // GLOBAL
            b'c' => {
                self.line()?;
                return self.line();
            }
            _ => return None,
        };
        self.take(operand).map(drop)
    }

    fn persistent_id(&mut self, tuple: &[Item]) -> Option<()> {
        let (Some(Item::Text(text)), Some(elements), PARTS) =
            (tuple.get(KEY), tuple.get(ELEMENTS), tuple.len())
        else {
            return None;
        };
        let text = self.texts.get_mut(*text)?;
        text.key_uses += 1;
        text.has_elements |= !matches!(elements, Item::Number(0));
        Some(())
    }

    fn text(&mut self, begin: usize) -> Option<Item> {
        let length = usize::try_from(self.number(4)?).ok()?;
        let characters = std::str::from_utf8(self.take(length)?).ok()?.to_owned();
        self.texts.push(Text { characters, span: begin..self.at, uses: 1, key_uses: 0, has_elements: false });
        Some(Item::Text(self.texts.len() - 1))
    }

    fn again(&mut self, slot: u32) -> Item {
        let item = self.memo.get(&slot).copied().unwrap_or(Item::Other);
        if let Item::Text(text) = item
            && let Some(text) = self.texts.get_mut(text)
        {
            text.uses += 1;
        }
        item
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    /// Little-endian, of at most four bytes.
    fn number(&mut self, width: usize) -> Option<u32> {
        Some(self.take(width)?.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte)))
    }

    fn line(&mut self) -> Option<()> {
        let length = self.bytes.get(self.at..)?.iter().position(|byte| *byte == b'\n')?;
        self.take(length + 1).map(drop)
    }

    fn take(&mut self, length: usize) -> Option<&[u8]> {
        let taken = self.bytes.get(self.at..)?.get(..length)?;
        self.at += length;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As torch writes the second tensor of a pickle: what came before comes from the memo.
    const TWO: &[u8] = b"\x80\x02(ctorch._utils\n_rebuild_tensor_v2\nq\x00(\
        (X\x07\x00\x00\x00storageq\x01ctorch\nFloatStorage\nq\x02X\x01\x00\x00\x000q\x03X\x03\x00\x00\x00cpuq\x04K\x03tQq\x05\
        K\x00(K\x03t(K\x01t\x89ccollections\nOrderedDict\nq\x06)RtRq\x07h\x00(\
        (h\x01h\x02X\x01\x00\x00\x001q\x08h\x04K\x00tQq\x09K\x00(K\x00t(K\x01t\x89h\x06)RtRq\x0at.";

    fn texts(keys: &[Key]) -> Vec<(&str, bool)> {
        keys.iter().map(|key| (key.text.as_str(), key.has_elements)).collect()
    }

    #[test]
    fn keys_are_found_with_and_without_the_memo() {
        assert_eq!(texts(&keys(TWO).unwrap()), [("0", true), ("1", false)]);
    }

    #[test]
    fn a_prefix_goes_before_each_key_and_nothing_else() {
        let prefixed = with_prefix(TWO, &keys(TWO).unwrap(), "constants/").unwrap();
        assert_eq!(texts(&keys(&prefixed).unwrap()), [("constants/0", true), ("constants/1", false)]);
        assert_eq!(prefixed.len(), TWO.len() + 2 * "constants/".len());
        assert!(prefixed.starts_with(&TWO[..50]) && prefixed.ends_with(&TWO[TWO.len() - 20..]));
    }

    #[test]
    fn a_key_that_is_also_a_value_is_not_prefixed() {
        let mut pickle = TWO[..TWO.len() - 2].to_vec();
        pickle.extend_from_slice(b"h\x03t.");
        let found = keys(&pickle).unwrap();
        assert_eq!(texts(&found), [("0", true), ("1", false)]);
        assert_eq!(with_prefix(&pickle, &found, "c/"), None);
    }

    #[test]
    fn an_empty_tuple_has_no_keys() {
        assert_eq!(keys(b"\x80\x02).").unwrap(), []);
    }

    #[test]
    fn no_cut_and_no_flip_does_harm() {
        for end in 0..TWO.len() {
            assert_eq!(keys(&TWO[..end]), None);
        }
        for at in 0..TWO.len() {
            for bit in 0..8 {
                let mut pickle = TWO.to_vec();
                pickle[at] ^= 1 << bit;
                if let Some(found) = keys(&pickle) {
                    let _ = with_prefix(&pickle, &found, "c/");
                }
            }
        }
    }
}
