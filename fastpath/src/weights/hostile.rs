//! Archives that are damaged, cut or lie: each is an error with a sentence, or has every byte right.

use super::error::ModelFileError;
use super::model_file::{ModelFile, Unpacked};
use super::pace::Pace;
use super::skeleton::Writer;

const WEIGHTS: [u8; 200] = [0x5a; 200];
/// One tensor of 50 floats, as torch pickles it, with nothing around it.
const DATA: &[u8] = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(\
    (X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x32tQ\
    K\x00(K\x32t(K\x01t\x89ccollections\nOrderedDict\n)RtR.";
const NO_CONSTANTS: &[u8] = b"\x80\x02).";

fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = Writer::default();
    for (name, bytes) in entries {
        writer.add(name, bytes).unwrap();
    }
    writer.finish().unwrap()
}

fn whole() -> Vec<u8> {
    archive(&[
        ("data/0", &WEIGHTS),
        ("data.pkl", DATA),
        ("code/__torch__.py", b"class A(Module):\n"),
        ("constants.pkl", NO_CONSTANTS),
        ("version", b"3\n"),
        ("byteorder", b"little"),
        ("extra/note", b"what nobody reads"),
    ])
}

fn load(bytes: Vec<u8>) -> Result<Unpacked, ModelFileError> {
    // On a thread of its own, because reading lowers the thread's priority.
    std::thread::spawn(|| ModelFile::open(bytes)?.read(true, Pace::fast())?.unpack()).join().unwrap()
}

fn sentence(bytes: Vec<u8>) -> String {
    match load(bytes) {
        Err(error) => error.to_string(),
        Ok(_) => "it loads".into(),
    }
}

fn find(bytes: &[u8], what: &[u8]) -> usize {
    bytes.windows(what.len()).position(|window| window == what).unwrap()
}

#[test]
fn a_whole_archive_gives_its_storages_and_a_skeleton_without_them() {
    let Ok(Unpacked::Parts { skeleton, storages }) = load(whole()) else { panic!("not read") };
    assert_eq!(storages.len(), 1);
    assert_eq!((storages[0].0.as_str(), &*storages[0].1), ("0", &WEIGHTS[..]));
    let again = sentence(skeleton);
    assert_eq!(again, "\"data.pkl\" is missing: torch.jit.save did not write this archive");
}

#[test]
fn the_digest_is_that_of_the_file() {
    let bytes = whole();
    let expected = ring::digest::digest(&ring::digest::SHA256, &bytes);
    let file = ModelFile::open(bytes.clone()).unwrap();
    let parts = std::thread::scope(|scope| {
        scope.spawn(|| file.read(true, Pace::fast()).unwrap().sha256()).join().unwrap()
    });
    assert_eq!(parts.unwrap(), expected.as_ref());
    let (memory, digest) =
        std::thread::scope(|scope| scope.spawn(|| file.read_whole(Pace::gentle()).unwrap()).join().unwrap());
    assert_eq!((&*memory, &digest[..]), (&bytes[..], expected.as_ref()));
}

#[test]
fn weights_are_counted_before_they_are_read() {
    let file = ModelFile::open(whole()).unwrap();
    let kept = DATA.len() + NO_CONSTANTS.len() + "class A(Module):\n".len() + "3\n".len() + "little".len();
    assert_eq!(file.weights_bytes(), WEIGHTS.len() + kept);
}

/// The same archive with every number of its directory and end in 64 bits.
fn in_64_bits(bytes: &[u8]) -> Vec<u8> {
    let end = bytes.len() - 22;
    let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let (central, count) = (number(end + 16) as usize, u64::from(bytes[end + 10]));
    let mut out = bytes[..central].to_vec();
    let mut at = central;
    while at < end {
        let name = usize::from(bytes[at + 28]);
        out.extend_from_slice(&bytes[at..at + 20]);
        out.extend_from_slice(&[0xff; 8]);
        out.extend_from_slice(&bytes[at + 28..at + 30]);
        out.extend_from_slice(&37_u16.to_le_bytes());
        out.extend_from_slice(&bytes[at + 32..at + 42]);
        out.extend_from_slice(&[0xff; 4]);
        out.extend_from_slice(&bytes[at + 46..at + 46 + name]);
        // Another field before it, and then length, packed length and place.
        out.extend_from_slice(b"\x55\x54\x05\0times\x01\0\x18\0");
        for field in [at + 24, at + 20, at + 42] {
            out.extend_from_slice(&u64::from(number(field)).to_le_bytes());
        }
        at += 46 + name;
    }
    let end64 = out.len() as u64;
    out.extend_from_slice(b"PK\x06\x06");
    out.extend_from_slice(&44_u64.to_le_bytes());
    out.extend_from_slice(&[0; 12]);
    for number in [count, count, end64 - central as u64, central as u64] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    out.extend_from_slice(b"PK\x06\x07\0\0\0\0");
    out.extend_from_slice(&end64.to_le_bytes());
    out.extend_from_slice(b"\x01\0\0\0PK\x05\x06\0\0\0\0");
    out.extend_from_slice(&[0xff; 12]);
    out.extend_from_slice(&[0; 2]);
    out
}

#[test]
fn an_archive_beyond_32_bits_is_read_like_any_other() {
    let Ok(Unpacked::Parts { skeleton, storages }) = load(in_64_bits(&whole())) else { panic!("not read") };
    let Ok(Unpacked::Parts { skeleton: same, .. }) = load(whole()) else { panic!("not read") };
    assert!(skeleton == same);
    assert_eq!(&*storages[0].1, &WEIGHTS);
    let mut lying = in_64_bits(&whole());
    let end64 = find(&lying, b"PK\x06\x06");
    lying[end64 + 48..end64 + 56].copy_from_slice(&u64::MAX.to_le_bytes());
    assert_eq!(sentence(lying), "the archive's directory is damaged: its end does not say where it lies");
}

#[test]
fn every_cut_is_an_error() {
    let bytes = whole();
    for end in 0..bytes.len() {
        assert!(load(bytes[..end].to_vec()).is_err(), "{end} bytes");
    }
}

#[test]
fn no_flipped_bit_changes_what_is_read_unseen() {
    let bytes = whole();
    let Ok(Unpacked::Parts { skeleton, .. }) = load(bytes.clone()) else { panic!("not read") };
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            if let Ok(read) = load(flipped) {
                let Unpacked::Parts { skeleton: same, storages } = read else {
                    panic!("unusual at byte {at}")
                };
                assert!(same == skeleton, "byte {at}");
                assert_eq!(&*storages[0].1, &WEIGHTS, "byte {at}");
            }
        }
    }
}

#[test]
fn a_damaged_weight_is_named_with_both_checksums() {
    let mut bytes = whole();
    let at = find(&bytes, &WEIGHTS);
    bytes[at + 100] ^= 1;
    let said = sentence(bytes);
    assert!(said.starts_with("\"data/0\" is damaged: its checksum is "), "{said}");
    assert!(said.ends_with(&format!("{:08x} was written", crc32fast::hash(&WEIGHTS))), "{said}");
}

#[test]
fn lengths_that_lie_are_refused_before_memory_is_made() {
    let bytes = whole();
    let central = find(&bytes, b"PK\x01\x02");
    let set = |at: usize, number: u32| {
        let mut lying = bytes.clone();
        lying[central + at..central + at + 4].copy_from_slice(&number.to_le_bytes());
        lying
    };
    assert!(sentence(set(24, 1 << 31)).contains("its two lengths differ"));
    let mut both = set(24, 1 << 31);
    both[central + 20..central + 24].copy_from_slice(&(1_u32 << 31).to_le_bytes());
    assert_eq!(sentence(both), "\"data/0\" is damaged: it lies outside the file");
    let mut deflated = set(24, 1 << 31);
    deflated[central + 10] = 8;
    assert!(sentence(deflated).contains("longer than its bytes can become"));
    assert!(sentence(set(42, 1 << 30)).contains("lies outside the file"));
    assert!(sentence(set(42, 8)).contains("overlaps") || sentence(set(42, 8)).contains("no header"));
}

#[test]
fn entries_that_lie_on_one_another_are_refused() {
    let mut bytes = whole();
    let central = find(&bytes, b"PK\x01\x02");
    let second = central + 1 + find(&bytes[central + 1..], b"PK\x01\x02");
    bytes[second + 42..second + 46].copy_from_slice(&4_u32.to_le_bytes());
    assert_eq!(sentence(bytes), "\"data.pkl\" is damaged: it overlaps another entry");
}

#[test]
fn what_torch_needs_and_does_not_find_is_named() {
    let without = |missing: &str| {
        let all: [(&str, &[u8]); 4] =
            [("data/0", &WEIGHTS), ("data.pkl", DATA), ("constants.pkl", NO_CONSTANTS), ("version", b"3\n")];
        let some: Vec<_> = all.into_iter().filter(|(name, _)| *name != missing).collect();
        sentence(archive(&some))
    };
    assert_eq!(without("nothing"), "it loads");
    assert_eq!(without("data/0"), "\"data/0\" is missing: data.pkl needs it");
    assert!(without("data.pkl").starts_with("\"data.pkl\" is missing: "));
    assert!(without("constants.pkl").starts_with("\"constants.pkl\" is missing: "));
    assert!(without("version").starts_with("\"version\" is missing: "));
}

#[test]
fn names_that_come_twice_or_play_tricks_are_refused() {
    let mut entries: Vec<(&str, &[u8])> =
        vec![("data.pkl", DATA), ("constants.pkl", NO_CONSTANTS), ("version", b"3\n")];
    entries.push(("data/0", &WEIGHTS));
    entries.push(("data/0", &WEIGHTS));
    assert_eq!(sentence(archive(&entries)), "\"data/0\" is damaged: it is there twice");
    entries.pop();
    for name in ["../0", "data//0", "data/./0", "data\\0", "a\0b"] {
        entries.push((name, &WEIGHTS));
        let said = sentence(archive(&entries));
        assert!(said.ends_with("its name is no plain path"), "{name:?}: {said}");
        entries.pop();
    }
}

#[test]
fn what_is_no_archive_is_told_so() {
    for bytes in [Vec::new(), b"no model".to_vec(), vec![0; 100_000], b"PK\x05\x06".repeat(30_000)] {
        assert!(load(bytes).is_err());
    }
    assert_eq!(sentence(b"no model".to_vec()), "it is not, or not all of, a file that torch.jit.save wrote");
}

#[test]
fn another_byte_order_and_the_oldest_form_are_left_to_torch() {
    let base: [(&str, &[u8]); 4] =
        [("data/0", &WEIGHTS), ("data.pkl", DATA), ("constants.pkl", NO_CONSTANTS), ("version", b"3\n")];
    for more in [("byteorder", b"big".as_slice()), ("model.json", b"{}")] {
        let entries: Vec<_> = base.into_iter().chain([more]).collect();
        assert!(matches!(load(archive(&entries)), Ok(Unpacked::Unusual(_))), "{}", more.0);
    }
}
