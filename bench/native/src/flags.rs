//! `--name value` pairs of a command line.

use std::collections::BTreeMap;
use std::str::FromStr;

/// The flags of a command line; each is taken once, and what is left over is an error.
#[derive(Debug)]
pub struct Flags(BTreeMap<String, String>);

impl Flags {
    /// `arguments` without the program's name.
    pub fn read(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut flags = BTreeMap::new();
        let mut rest = arguments.into_iter();
        while let Some(argument) = rest.next() {
            let name = argument.strip_prefix("--").ok_or(format!("{argument:?} is not a flag"))?;
            let value = rest.next().ok_or(format!("--{name} has no value"))?;
            if flags.insert(name.to_owned(), value).is_some() {
                return Err(format!("--{name} stands twice"));
            }
        }
        Ok(Self(flags))
    }

    /// The value of a flag that must be there.
    pub fn required<T: FromStr>(&mut self, name: &str) -> Result<T, String> {
        self.take(name)?.ok_or(format!("--{name} is missing"))
    }

    pub fn or<T: FromStr>(&mut self, name: &str, default: T) -> Result<T, String> {
        Ok(self.take(name)?.unwrap_or(default))
    }

    /// Refuses flags that nobody took.
    pub fn end(self) -> Result<(), String> {
        match self.0.into_keys().next() {
            Some(name) => Err(format!("--{name} is not known")),
            None => Ok(()),
        }
    }

    fn take<T: FromStr>(&mut self, name: &str) -> Result<Option<T>, String> {
        let Some(text) = self.0.remove(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| format!("--{name}: {text:?} is not of the right kind"))
    }
}

#[cfg(test)]
mod tests {
    use super::Flags;

    fn flags(line: &str) -> Result<Flags, String> {
        Flags::read(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn a_flag_is_read_as_the_type_that_is_asked_for() {
        let mut read = flags("--rate 2.5 --path /x").unwrap();
        assert_eq!(read.required::<f64>("rate"), Ok(2.5));
        assert_eq!(read.required::<String>("path"), Ok("/x".to_owned()));
        assert_eq!(read.or("connections", 16_usize), Ok(16));
        assert_eq!(read.end(), Ok(()));
    }

    #[test]
    fn what_is_missing_wrong_or_unknown_is_named() {
        let mut read = flags("--rate fast --extra 1").unwrap();
        assert_eq!(read.required::<f64>("rate"), Err("--rate: \"fast\" is not of the right kind".to_owned()));
        assert_eq!(read.required::<f64>("path"), Err("--path is missing".to_owned()));
        assert_eq!(read.end(), Err("--extra is not known".to_owned()));
        assert!(flags("--rate").unwrap_err().contains("no value"));
        assert!(flags("rate 1").unwrap_err().contains("not a flag"));
        assert!(flags("--rate 1 --rate 2").unwrap_err().contains("twice"));
    }
}
