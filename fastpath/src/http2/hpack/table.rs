//! The table that indices point to (RFC 7541, section 2.3): the static part, and the part that a connection's blocks fill.

use std::collections::VecDeque;
use std::ops::Range;

/// A name and a value.
type Field<'a> = (&'a [u8], &'a [u8]);

/// What an entry counts for beyond its bytes (RFC 7541, section 4.1).
const ENTRY_BYTES: usize = 32;
/// The index of the entry that was added last.
const FIRST_DYNAMIC: usize = STATIC.len() + 1;

pub struct Table {
    /// The names and values of the entries, the oldest first. What was evicted stays at the front until it is worth while
    /// to move the rest.
    bytes: Vec<u8>,
    /// How many bytes have been taken off the front of `bytes` so far.
    taken_off: usize,
    /// The newest first.
    entries: VecDeque<Entry>,
    /// Of all entries, as the RFC counts.
    size: usize,
    max_size: usize,
}

struct Entry {
    /// Where its name starts, counted from the first byte that ever was in the table; its value follows the name.
    start: usize,
    name_bytes: usize,
    value_bytes: usize,
}

impl Entry {
    fn size(&self) -> usize {
        self.name_bytes + self.value_bytes + ENTRY_BYTES
    }
}

impl Table {
    pub fn new(max_size: usize) -> Self {
        Self { bytes: Vec::new(), taken_off: 0, entries: VecDeque::new(), size: 0, max_size }
    }

    pub fn max_size(&self) -> usize {
        self.max_size
    }

    /// Evicts what has no room any more.
    pub fn resize(&mut self, max_size: usize) {
        self.max_size = max_size;
        self.make_room(0);
        self.tidy();
    }

    /// The field of an index; none is where the table does not reach, and at 0.
    #[inline]
    pub fn get(&self, index: usize) -> Option<Field<'_>> {
        if let Some(field) = STATIC.get(index.wrapping_sub(1)) {
            return Some(*field);
        }
        let (place, name_bytes) = self.place(index)?;
        self.bytes.get(place)?.split_at_checked(name_bytes)
    }

    /// Where in `bytes` a field lies, and how much of it is the name.
    #[inline]
    fn place(&self, index: usize) -> Option<(Range<usize>, usize)> {
        let entry = self.entries.get(index.checked_sub(FIRST_DYNAMIC)?)?;
        let start = entry.start.wrapping_sub(self.taken_off);
        Some((start..start + entry.name_bytes + entry.value_bytes, entry.name_bytes))
    }

    pub fn insert(&mut self, name: &[u8], value: &[u8]) {
        if self.make_room(name.len() + value.len() + ENTRY_BYTES) {
            self.bytes.extend_from_slice(name);
            self.finish(name.len(), value);
        }
    }

    /// Inserts a field with the name of the field at `index`, which may be evicted for it (RFC 7541, section 4.4).
    pub fn insert_with_name_of(&mut self, index: usize, value: &[u8]) {
        if let Some((name, _)) = STATIC.get(index.wrapping_sub(1)) {
            self.insert(name, value);
        } else if let Some((place, name_bytes)) = self.place(index)
            && self.make_room(name_bytes + value.len() + ENTRY_BYTES)
        {
            // Evicted or not, its bytes are where they were.
            self.bytes.extend_from_within(place.start..place.start + name_bytes);
            self.finish(name_bytes, value);
        }
    }

    /// Adds the entry whose name stands at the end of `bytes`.
    fn finish(&mut self, name_bytes: usize, value: &[u8]) {
        let start = self.taken_off.wrapping_add(self.bytes.len() - name_bytes);
        self.bytes.extend_from_slice(value);
        let entry = Entry { start, name_bytes, value_bytes: value.len() };
        self.size += entry.size();
        self.entries.push_front(entry);
        self.tidy();
    }

    /// Evicts the oldest entries until one of `size` has room, and says whether it has.
    fn make_room(&mut self, size: usize) -> bool {
        let room = self.max_size.checked_sub(size);
        let max_size = room.unwrap_or(0);
        while self.size > max_size
            && let Some(oldest) = self.entries.pop_back()
        {
            self.size -= oldest.size();
        }
        room.is_some()
    }

    /// Takes off what was evicted once it is more than the rest can be: each byte that is moved was paid for by one that
    /// came in.
    fn tidy(&mut self) {
        let oldest = self.entries.back().map(|entry| entry.start.wrapping_sub(self.taken_off));
        let evicted = oldest.unwrap_or(self.bytes.len());
        if evicted >= self.max_size {
            self.bytes.drain(..evicted);
            self.taken_off = self.taken_off.wrapping_add(evicted);
        }
    }
}

/// Appendix A.
static STATIC: [Field<'static>; 61] = [
    (b":authority", b""),
    (b":method", b"GET"),
    (b":method", b"POST"),
    (b":path", b"/"),
    (b":path", b"/index.html"),
    (b":scheme", b"http"),
    (b":scheme", b"https"),
    (b":status", b"200"),
    (b":status", b"204"),
    (b":status", b"206"),
    (b":status", b"304"),
    (b":status", b"400"),
    (b":status", b"404"),
    (b":status", b"500"),
    (b"accept-charset", b""),
    (b"accept-encoding", b"gzip, deflate"),
    (b"accept-language", b""),
    (b"accept-ranges", b""),
    (b"accept", b""),
    (b"access-control-allow-origin", b""),
    (b"age", b""),
    (b"allow", b""),
    (b"authorization", b""),
    (b"cache-control", b""),
    (b"content-disposition", b""),
    (b"content-encoding", b""),
    (b"content-language", b""),
    (b"content-length", b""),
    (b"content-location", b""),
    (b"content-range", b""),
    (b"content-type", b""),
    (b"cookie", b""),
    (b"date", b""),
    (b"etag", b""),
    (b"expect", b""),
    (b"expires", b""),
    (b"from", b""),
    (b"host", b""),
    (b"if-match", b""),
    (b"if-modified-since", b""),
    (b"if-none-match", b""),
    (b"if-range", b""),
    (b"if-unmodified-since", b""),
    (b"last-modified", b""),
    (b"link", b""),
    (b"location", b""),
    (b"max-forwards", b""),
    (b"proxy-authenticate", b""),
    (b"proxy-authorization", b""),
    (b"range", b""),
    (b"referer", b""),
    (b"refresh", b""),
    (b"retry-after", b""),
    (b"server", b""),
    (b"set-cookie", b""),
    (b"strict-transport-security", b""),
    (b"transfer-encoding", b""),
    (b"user-agent", b""),
    (b"vary", b""),
    (b"via", b""),
    (b"www-authenticate", b""),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn names(table: &Table) -> Vec<&[u8]> {
        (FIRST_DYNAMIC..).map_while(|index| table.get(index)).map(|(name, _)| name).collect()
    }

    #[test]
    fn the_static_table_is_where_it_should_be() {
        let table = Table::new(0);
        assert_eq!(table.get(0), None);
        assert_eq!(table.get(1), Some((&b":authority"[..], &b""[..])));
        assert_eq!(table.get(16), Some((&b"accept-encoding"[..], &b"gzip, deflate"[..])));
        assert_eq!(table.get(61), Some((&b"www-authenticate"[..], &b""[..])));
        assert_eq!(table.get(62), None);
        assert_eq!(table.get(usize::MAX), None);
    }

    #[test]
    fn the_oldest_go_when_there_is_no_room() {
        let mut table = Table::new(3 * 34);
        for name in [b"a", b"b", b"c"] {
            table.insert(name, b"1");
        }
        assert_eq!((names(&table), table.size), (vec![&b"c"[..], b"b", b"a"], 102));
        table.insert(b"d", b"");
        assert_eq!((names(&table), table.size), (vec![&b"d"[..], b"c", b"b"], 101));
        table.insert(b"e", b"1");
        assert_eq!((names(&table), table.size), (vec![&b"e"[..], b"d", b"c"], 101));
        table.resize(67);
        assert_eq!((names(&table), table.size), (vec![&b"e"[..], b"d"], 67));
        table.resize(66);
        assert_eq!(names(&table), [b"e"]);
    }

    #[test]
    fn an_entry_larger_than_the_table_empties_it() {
        let mut table = Table::new(40);
        table.insert(b"name", b"valu");
        assert_eq!((names(&table).len(), table.size), (1, 40));
        table.insert(b"name", b"value");
        assert_eq!((names(&table).len(), table.size), (0, 0));
        table.insert(b"name", b"valu");
        table.insert_with_name_of(FIRST_DYNAMIC, b"value");
        assert_eq!((names(&table).len(), table.size), (0, 0));
    }

    #[test]
    fn a_name_may_be_that_of_the_entry_which_is_evicted() {
        let mut table = Table::new(40);
        table.insert(b"name", b"1");
        for value in [b"2", b"3", b"4"].repeat(100) {
            table.insert_with_name_of(FIRST_DYNAMIC, value);
            assert_eq!(table.get(FIRST_DYNAMIC), Some((&b"name"[..], &value[..])));
        }
    }

    #[test]
    fn what_was_evicted_takes_no_memory_for_long() {
        let mut table = Table::new(4_096);
        for round in 0..100_000_usize {
            let value = vec![b'v'; round % 500];
            table.insert(b"name", &value);
            assert_eq!(table.get(FIRST_DYNAMIC), Some((&b"name"[..], &value[..])));
            assert!(table.size <= 4_096 && table.bytes.len() <= 3 * 4_096);
        }
        assert!(table.bytes.capacity() <= 4 * 4_096);
    }
}
