//! `grpc-timeout`: at most eight digits and a unit.

use std::time::Duration;

const MAX_DIGITS: usize = 8;

/// The time that a header's value grants; none where it is no timeout.
#[must_use]
pub fn parse(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    if digits.is_empty() || digits.len() > MAX_DIGITS || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = digits.iter().fold(0, |number: u64, digit| number * 10 + u64::from(digit - b'0'));
    Some(match unit {
        b'n' => Duration::from_nanos(number),
        b'u' => Duration::from_micros(number),
        b'm' => Duration::from_millis(number),
        b'S' => Duration::from_secs(number),
        b'M' => Duration::from_mins(number),
        b'H' => Duration::from_hours(number),
        _ => return None,
    })
}

/// The header's value for a duration, in the finest unit whose digits suffice, rounded up.
#[must_use]
pub fn format(timeout: Duration) -> String {
    // One more than eight digits hold.
    const LIMIT: u128 = 100_000_000;
    let ns = timeout.as_nanos();
    let units = [(1, 'n'), (1_000, 'u'), (1_000_000, 'm'), (1_000_000_000, 'S'), (60_000_000_000, 'M')];
    for (unit_ns, letter) in units {
        let number = ns.div_ceil(unit_ns);
        if number < LIMIT {
            return format!("{number}{letter}");
        }
    }
    format!("{}H", ns.div_ceil(3_600_000_000_000).min(LIMIT - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_read() {
        let cases: [(&[u8], Duration); 6] = [
            (b"7n", Duration::from_nanos(7)),
            (b"100u", Duration::from_micros(100)),
            (b"1500m", Duration::from_millis(1500)),
            (b"2S", Duration::from_secs(2)),
            (b"3M", Duration::from_mins(3)),
            (b"99999999H", Duration::from_hours(99_999_999)),
        ];
        for (value, timeout) in cases {
            assert_eq!(parse(value), Some(timeout));
        }
    }

    #[test]
    fn what_is_no_timeout_is_none() {
        for value in [&b""[..], b"S", b"100", b"1x", b"-1S", b"+1S", b" 1S", b"1 S", b"123456789m", b"\xff1S"]
        {
            assert_eq!(parse(value), None, "{value:?}");
        }
    }

    #[test]
    fn a_written_timeout_is_read_back_and_never_shorter() {
        for ns in [0, 1, 999, 99_999_999, 100_000_000, 123_456_789_012, u64::MAX] {
            let timeout = Duration::from_nanos(ns);
            let read = parse(format(timeout).as_bytes()).unwrap();
            assert!(
                read >= timeout && read.as_nanos() <= timeout.as_nanos() + timeout.as_nanos() / 10_000 + 1
            );
        }
    }
}
