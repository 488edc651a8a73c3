//! One answer, as far as it has come, and whether it is right.

use bench_native::grpc;

use crate::header_block::Statuses;

#[derive(Debug, Default)]
pub struct Answer {
    bytes: usize,
    statuses: Statuses,
}

impl Answer {
    /// Headers or trailers: a call that ends without a message has its status among the headers.
    pub fn head(&mut self, statuses: Statuses) {
        self.statuses.http = self.statuses.http.or(statuses.http);
        self.statuses.grpc = statuses.grpc.or(self.statuses.grpc);
    }

    pub fn data(&mut self, content: &[u8]) {
        self.bytes += content.len();
    }

    /// Gives what is wrong with the answer, in words that few calls differ in: they are counted by them.
    pub fn check(&self, answer_bytes: usize) -> Result<(), String> {
        match (self.statuses.http, self.statuses.grpc) {
            (Some(200), Some(0)) if self.bytes == grpc::PREFIX_BYTES + answer_bytes => Ok(()),
            (Some(200), Some(0)) => Err(format!("an answer of {} bytes", self.bytes)),
            (Some(200), Some(other)) => Err(format!("grpc-status {other}")),
            (Some(200), None) => Err("no grpc-status".to_owned()),
            (Some(other), _) => Err(format!("http {other}")),
            (None, _) => Err("no http status".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(http: Option<u16>, grpc: Option<u16>, body: &[u8]) -> Result<(), String> {
        let mut answer = Answer::default();
        answer.head(Statuses { http, grpc: None });
        answer.data(body);
        answer.head(Statuses { http: None, grpc });
        answer.check(1)
    }

    #[test]
    fn only_a_whole_answer_with_status_0_is_right() {
        let whole = [0; grpc::PREFIX_BYTES + 1];
        assert_eq!(checked(Some(200), Some(0), &whole), Ok(()));
        assert!(checked(Some(200), Some(0), &whole[1..]).is_err());
        assert_eq!(checked(Some(200), Some(14), &[]), Err("grpc-status 14".to_owned()));
        assert!(checked(Some(503), None, &whole).is_err());
        assert!(checked(Some(200), None, &whole).is_err());
    }
}
