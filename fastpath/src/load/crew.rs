//! The workers of one thread: which there are, and which of them have no call.

use std::collections::VecDeque;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Worker {
    Absent,
    /// It has a call, or waits for one.
    There,
}

/// Numbers of workers are those of the run; places are those among the thread's, in the same order.
#[derive(Debug)]
pub struct Crew {
    index: usize,
    threads: usize,
    connections: usize,
    /// Of the thread.
    links: usize,
    workers: Vec<Worker>,
    idle: VecDeque<usize>,
    /// Workers with numbers below it go on.
    allowed: usize,
    pub alive: usize,
}

impl Crew {
    /// Of the thread with this number, which has every `threads`th of the connections.
    #[must_use]
    pub fn new(index: usize, threads: usize, connections: usize) -> Self {
        let links = (index..connections).step_by(threads.max(1)).count().max(1);
        Self {
            index,
            threads,
            connections,
            links,
            workers: Vec::new(),
            idle: VecDeque::new(),
            allowed: 0,
            alive: 0,
        }
    }

    #[must_use]
    pub fn number(&self, place: usize) -> usize {
        place / self.links * self.connections + self.link(place) * self.threads + self.index
    }

    /// The place of its connection among the thread's.
    #[must_use]
    pub fn link(&self, place: usize) -> usize {
        place % self.links
    }

    /// The number of its connection in the run.
    #[must_use]
    pub fn connection(&self, place: usize) -> usize {
        self.number(place) % self.connections.max(1)
    }

    /// Lets there be so many workers in the run. Gives those that are new here; those that are too many end with their calls.
    pub fn allow(&mut self, workers: usize) -> Vec<usize> {
        self.allowed = workers;
        let here = (0..workers).take_while(|place| self.number(*place) < workers).count();
        if here > self.workers.len() {
            self.workers.resize(here, Worker::Absent);
        }
        let mut new = Vec::new();
        for (place, worker) in self.workers.iter_mut().enumerate().take(here) {
            if *worker == Worker::Absent {
                *worker = Worker::There;
                new.push(place);
            }
        }
        self.alive += new.len();
        while let Some(at) = self.idle.iter().position(|place| self.number(*place) >= workers) {
            if let Some(place) = self.idle.remove(at) {
                self.end(place);
            }
        }
        new
    }

    #[must_use]
    pub fn goes_on(&self, place: usize) -> bool {
        self.number(place) < self.allowed
    }

    /// It has no more calls.
    pub fn end(&mut self, place: usize) {
        if let Some(worker) = self.workers.get_mut(place)
            && *worker == Worker::There
        {
            *worker = Worker::Absent;
            self.alive -= 1;
        }
    }

    /// It has no call now.
    pub fn rest(&mut self, place: usize) {
        self.idle.push_back(place);
    }

    /// The one that has had no call for longest.
    pub fn idle(&mut self) -> Option<usize> {
        self.idle.pop_front()
    }

    /// All that have no call end.
    pub fn end_idle(&mut self) {
        while let Some(place) = self.idle.pop_front() {
            self.end(place);
        }
    }

    /// One more than is allowed; none where there are `most` already.
    pub fn add(&mut self, most: usize) -> Option<usize> {
        if self.workers.len() >= most {
            return None;
        }
        self.workers.push(Worker::There);
        self.allowed = usize::MAX;
        self.alive += 1;
        Some(self.workers.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_threads_together_have_every_worker_once_each_on_its_connection() {
        let mut numbers = Vec::new();
        for index in 0..3 {
            let mut crew = Crew::new(index, 3, 7);
            for place in crew.allow(20) {
                numbers.push(crew.number(place));
                assert_eq!(crew.connection(place), crew.link(place) * 3 + index);
            }
        }
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(0..20));
    }

    #[test]
    fn workers_that_are_too_many_end_once_they_have_no_call_and_come_back_when_there_may_be_more() {
        let mut crew = Crew::new(0, 1, 1);
        assert_eq!(crew.allow(4), [0, 1, 2, 3]);
        crew.rest(3);
        assert!(crew.allow(2).is_empty());
        assert_eq!((crew.alive, crew.goes_on(1), crew.goes_on(2)), (3, true, false));
        // 2 still has its call, and so is not begun again.
        assert_eq!(crew.allow(4), [3]);
        crew.end(2);
        assert_eq!(crew.allow(4), [2]);
    }

    #[test]
    fn there_may_be_more_than_were_allowed_up_to_a_bound() {
        let mut crew = Crew::new(1, 2, 2);
        crew.allow(2);
        assert_eq!((crew.add(2), crew.add(2)), (Some(1), None));
        assert_eq!((crew.alive, crew.number(1)), (2, 3));
    }
}
