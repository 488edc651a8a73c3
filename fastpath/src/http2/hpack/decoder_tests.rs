//! The decoder against the examples of RFC 7541, and against blocks that are broken.

use super::decoder::{Decoder, Error};
use super::huffman_tests::encode;

type Fields = Vec<(String, String)>;

fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap()).collect()
}

fn read(decoder: &mut Decoder, block: &[u8]) -> Result<(Fields, bool), Error> {
    let mut fields = Vec::new();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let is_unchanged = decoder.decode(block, |name, value| fields.push((text(name), text(value))))?;
    Ok((fields, is_unchanged))
}

/// The fields of a block that may be read, one a line.
fn lines(decoder: &mut Decoder, block: &[u8]) -> String {
    let (fields, _) = read(decoder, block).unwrap();
    fields.iter().flat_map(|(name, value)| [name, ": ", value, "\n"]).collect()
}

fn fails(block: &[u8], error: Error) {
    assert_eq!(read(&mut Decoder::new(4_096), block), Err(error), "{block:x?}");
}

const REQUESTS: [&str; 3] = [
    ":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com\n",
    ":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com\ncache-control: no-cache\n",
    ":method: GET\n:scheme: https\n:path: /index.html\n:authority: www.example.com\ncustom-key: custom-value\n",
];
/// What is in the table behind the last of them.
const REQUESTS_TABLE: &str =
    "custom-key: custom-value\ncache-control: no-cache\n:authority: www.example.com\n";
const RESPONSES: [&str; 3] = [
    ":status: 302\ncache-control: private\ndate: Mon, 21 Oct 2013 20:13:21 GMT\nlocation: https://www.example.com\n",
    ":status: 307\ncache-control: private\ndate: Mon, 21 Oct 2013 20:13:21 GMT\nlocation: https://www.example.com\n",
    ":status: 200\ncache-control: private\ndate: Mon, 21 Oct 2013 20:13:22 GMT\nlocation: https://www.example.com\n\
     content-encoding: gzip\nset-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1\n",
];
const RESPONSES_TABLE: &str = "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1\n\
                               content-encoding: gzip\ndate: Mon, 21 Oct 2013 20:13:22 GMT\n";

/// Reads blocks in order, and then all that is in the table.
fn follows(table_size: &str, blocks: [&str; 3], expected: [&str; 3], table: &str) {
    let mut decoder = Decoder::new(4_096);
    decoder.decode(&octets(table_size), |_, _| {}).unwrap();
    for (block, expected) in blocks.into_iter().zip(expected) {
        assert_eq!(lines(&mut decoder, &octets(block)), expected);
    }
    assert_eq!(lines(&mut decoder, &[0xbe, 0xbf, 0xc0]), table);
    assert_eq!(read(&mut decoder, &[0xc1]), Err(Error::Index));
}

#[test]
fn the_examples_of_appendix_c_2_are_read() {
    let examples = [
        (
            "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572",
            "custom-key: custom-header\n",
            true,
        ),
        ("040c 2f73 616d 706c 652f 7061 7468", ":path: /sample/path\n", false),
        ("1008 7061 7373 776f 7264 0673 6563 7265 74", "password: secret\n", false),
        ("82", ":method: GET\n", false),
    ];
    for (block, expected, is_added) in examples {
        let mut decoder = Decoder::new(4_096);
        assert_eq!(lines(&mut decoder, &octets(block)), expected);
        let latest = read(&mut decoder, &[0xbe]);
        assert_eq!(latest.is_ok(), is_added);
    }
}

#[test]
fn the_examples_of_appendix_c_3_and_c_4_are_read() {
    let plain = [
        "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "8286 84be 5808 6e6f 2d63 6163 6865",
        "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
    ];
    follows("", plain, REQUESTS, REQUESTS_TABLE);
    let coded = [
        "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
        "8286 84be 5886 a8eb 1064 9cbf",
        "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
    ];
    follows("", coded, REQUESTS, REQUESTS_TABLE);
}

#[test]
fn the_examples_of_appendix_c_5_and_c_6_are_read_with_a_table_of_256_bytes() {
    let plain = [
        "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120
         474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "4803 3330 37c1 c0bf",
        "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738
         666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33
         3630 303b 2076 6572 7369 6f6e 3d31",
    ];
    follows("3fe1 01", plain, RESPONSES, RESPONSES_TABLE);
    let coded = [
        "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718
         63c7 8f0b 97c8 e9ae 82ae 43d3",
        "4883 640e ffc1 c0bf",
        "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7
         b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
    ];
    follows("3fe1 01", coded, RESPONSES, RESPONSES_TABLE);
}

#[test]
fn a_block_says_whether_it_leaves_the_table_as_it_was() {
    let mut decoder = Decoder::new(4_096);
    let cases: [(&[u8], bool); 7] = [
        (&[], true),
        (&[0x82, 0x04, 1, b'/', 0x10, 1, b'a', 1, b'b'], true),
        (&[0x40, 1, b'a', 1, b'b'], false),
        (&[0xbe], true),
        // The size that it has, another, and that again.
        (&[0x3f, 0xe1, 0x1f, 0xbe], true),
        (&[0x3f, 0xe0, 0x1f, 0xbe], false),
        (&[0x20, 0x3f, 0xe0, 0x1f, 0x82], false),
    ];
    for (block, expected) in cases {
        assert_eq!(
            read(&mut decoder, block).map(|(_, is_unchanged)| is_unchanged),
            Ok(expected),
            "{block:x?}"
        );
    }
    assert_eq!(read(&mut decoder, &[0xbe]), Err(Error::Index));
}

#[test]
fn a_table_is_as_large_as_the_settings_allow_once_the_peer_says_so() {
    let mut decoder = Decoder::new(8_192);
    let large = [&[0x40, 1, b'a', 0x7f, 0xe1, 0x26][..], &[b'x'; 5_088]].concat();
    assert!(read(&mut decoder, &large).is_ok());
    assert_eq!(read(&mut decoder, &[0xbe]), Err(Error::Index));
    assert!(read(&mut decoder, &[&[0x3f, 0xe1, 0x3f][..], &large, &[0xbe]].concat()).is_ok());
    assert_eq!(read(&mut decoder, &[0x3f, 0xe2, 0x3f]), Err(Error::TableTooLarge));
    assert_eq!(read(&mut Decoder::new(0), &[0x21]), Err(Error::TableTooLarge));
}

#[test]
fn what_is_broken_is_an_error() {
    for index in [
        &[0x80][..],
        &[0xbe],
        &[0xff, 0x80, 0x01],
        &[0x7e, 1, b'a'],
        &[0x0f, 0x2f, 1, b'a'],
        &[0x1f, 0x7f, 0],
    ] {
        fails(index, Error::Index);
    }
    for integer in [&[0xff, 0x80, 0x80, 0x80, 0x80, 0][..], &[0x40, 0xff, 0xff, 0xff, 0xff, 0xff, 0]] {
        fails(integer, Error::IntegerTooLarge);
    }
    for cut_off in [&[0xff][..], &[0x3f, 0x80], &[0x40], &[0x41], &[0x40, 1, b'a'], &[0, 0x7f, 0x80]] {
        fails(cut_off, Error::IntegerCutOff);
    }
    for cut_off in [&[0x40, 1][..], &[0x41, 2, b'a'], &[0, 0x82, 0x1f], &[0, 0x7f, 0xff, 0xff, 0xff, 0x7f]] {
        fails(cut_off, Error::StringCutOff);
    }
    for code in
        [&[0x40, 0x81, 0xff, 0][..], &[0x41, 0x81, 0x18], &[&[0x41, 0x84][..], &encode(&[256])].concat()]
    {
        fails(code, Error::Huffman);
    }
    fails(&[0x3f, 0xe2, 0x1f], Error::TableTooLarge);
    for size in [&[0x82, 0x20][..], &[0x20, 0x82, 0x20], &[0x40, 0, 0, 0x3f, 0xe1, 0x1f, 0x82]] {
        fails(size, Error::TableSizeBehindField);
    }
}

#[test]
fn an_error_says_what_is_wrong_with_the_block() {
    assert_eq!(Error::Index.to_string(), "a header block points to a field that is not in the table");
}
