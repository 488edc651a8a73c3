//! Names for calls that wait for their answers: a place in a table, and the turn of that place.
//!
//! Owned by one thread, the one that an outbox delivers to. A place is used again at once; its turn tells a late answer or
//! cancel of an earlier call from one of the call that has the place now.

/// Calls by token.
#[derive(Debug)]
pub struct Tokens<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Slot<T> {
    turn: u32,
    call: Option<T>,
}

impl<T> Default for Tokens<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }
}

impl<T> Tokens<T> {
    /// Keeps a call; the token is its name until it is taken.
    pub fn insert(&mut self, call: T) -> u64 {
        if let Some(place) = self.free.pop()
            && let Some(slot) = self.slots.get_mut(place as usize)
        {
            slot.call = Some(call);
            return token(place, slot.turn);
        }
        // More than 2^32 calls would have filled the memory long before.
        let place = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        self.slots.push(Slot { turn: 0, call: Some(call) });
        token(place, 0)
    }

    /// Calls that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The call of a token, if it still waits.
    pub fn get_mut(&mut self, token: u64) -> Option<&mut T> {
        self.slot(token)?.call.as_mut()
    }

    /// Takes the call of a token out, if it still waits.
    pub fn take(&mut self, token: u64) -> Option<T> {
        let slot = self.slot(token)?;
        let call = slot.call.take()?;
        slot.turn = slot.turn.wrapping_add(1);
        self.free.push(place(token));
        Some(call)
    }

    /// The token of the first call that `is` wants; looks at every place.
    pub fn find(&self, is: impl Fn(&T) -> bool) -> Option<u64> {
        let place = self.slots.iter().position(|slot| slot.call.as_ref().is_some_and(&is))?;
        Some(token(u32::try_from(place).ok()?, self.slots.get(place)?.turn))
    }

    /// All calls that still wait.
    pub fn into_calls(self) -> impl Iterator<Item = T> {
        self.slots.into_iter().filter_map(|slot| slot.call)
    }

    fn slot(&mut self, token: u64) -> Option<&mut Slot<T>> {
        let slot = self.slots.get_mut(place(token) as usize)?;
        (u64::from(slot.turn) == token >> 32).then_some(slot)
    }
}

fn token(place: u32, turn: u32) -> u64 {
    u64::from(turn) << 32 | u64::from(place)
}

#[allow(clippy::cast_possible_truncation, reason = "the lower half is the place")]
fn place(token: u64) -> u32 {
    token as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_call_until_it_is_taken() {
        let mut tokens = Tokens::default();
        let (first, second) = (tokens.insert("first"), tokens.insert("second"));
        assert_eq!(tokens.get_mut(first), Some(&mut "first"));
        assert_eq!(tokens.len(), 2);
        assert_eq!((tokens.take(second), tokens.take(second)), (Some("second"), None));
        assert_eq!(tokens.find(|call| *call == "first"), Some(first));
        assert_eq!(tokens.find(|call| *call == "second"), None);
        assert_eq!(tokens.into_calls().collect::<Vec<_>>(), ["first"]);
    }

    #[test]
    fn a_place_is_used_again_under_another_token() {
        let mut tokens = Tokens::default();
        let first = tokens.insert(1);
        tokens.take(first);
        let second = tokens.insert(2);
        assert_eq!(place(first), place(second));
        assert_eq!((tokens.take(first), tokens.get_mut(first)), (None, None));
        assert_eq!(tokens.take(second), Some(2));
    }

    #[test]
    fn a_token_that_was_never_given_names_nothing() {
        let mut tokens = Tokens::<u8>::default();
        assert_eq!(tokens.take(7), None);
        assert_eq!(tokens.take(u64::MAX), None);
    }
}
