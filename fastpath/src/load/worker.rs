//! A worker: makes one call at a time, for as long as it gets any.

use std::rc::Rc;

use super::call::Caller;
use super::pool::{Flight, Pool};

/// Counts a worker as alive, whatever ends it.
struct Alive(Rc<Pool>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.alive.set(self.0.alive.get().saturating_sub(1));
        self.0.ended.notify_one();
    }
}

/// To be polled by a task of its own; alive from now on.
pub fn start(pool: Rc<Pool>, worker: usize) -> impl Future<Output = ()> + 'static {
    pool.alive.set(pool.alive.get() + 1);
    let alive = Alive(pool);
    async move {
        let pool = &alive.0;
        let place = worker % pool.plan.connections / pool.plan.threads;
        let Some(link) = pool.links.get(place).cloned() else { return };
        let mut caller = Caller::new(link, &pool.plan);
        while let Some(ticket) = pool.next(worker).await {
            let flight = Flight::new(pool, ticket);
            let result = caller.call(&pool.plan, ticket.number).await;
            flight.settle(result);
        }
    }
}
