//! A server that is made up: sessions, locks, and an answer that the test gives it.

use cwmem::cluster::database::DatabaseError;
use cwmem::cluster::named_lock::Session;
use mysql_async::Value;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

#[derive(Clone, Default)]
pub struct FakeServer(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    sessions: i64,
    holders: BTreeMap<Vec<u8>, i64>,
    next: Option<Result<Value, DatabaseError>>,
}

pub struct FakeSession {
    id: i64,
    server: FakeServer,
}

impl FakeServer {
    pub fn connect(&self) -> FakeSession {
        let mut state = self.0.borrow_mut();
        state.sessions += 1;
        FakeSession { id: state.sessions, server: self.clone() }
    }

    /// Whatever is asked next.
    pub fn answer_next(&self, answer: Result<Value, DatabaseError>) {
        self.0.borrow_mut().next = Some(answer);
    }
}

impl Session for FakeSession {
    async fn ask(
        &mut self,
        text: &'static str,
        values: Vec<Value>,
    ) -> Result<Value, DatabaseError> {
        let mut state = self.server.0.borrow_mut();
        if let Some(answer) = state.next.take() {
            return answer;
        }
        let Some(Value::Bytes(name)) = values.first() else { panic!("no name in {values:?}") };
        let holder = state.holders.get(name).copied();
        let own = holder == Some(self.id);
        Ok(match text {
            "SELECT GET_LOCK(?, ?)" if holder.is_none() || own => {
                state.holders.insert(name.clone(), self.id);
                Value::Int(1)
            }
            "SELECT GET_LOCK(?, ?)" => Value::Int(0),
            "SELECT IS_USED_LOCK(?) = CONNECTION_ID()" => {
                holder.map_or(Value::NULL, |_| Value::Int(own.into()))
            }
            "SELECT IS_USED_LOCK(?)" => holder.map_or(Value::NULL, Value::Int),
            "SELECT RELEASE_LOCK(?)" if own => {
                state.holders.remove(name);
                Value::Int(1)
            }
            "SELECT RELEASE_LOCK(?)" => holder.map_or(Value::NULL, |_| Value::Int(0)),
            other => panic!("a statement that no server was asked before: {other}"),
        })
    }

    fn server(&self) -> &str {
        "fake"
    }
}

impl Drop for FakeSession {
    fn drop(&mut self) {
        self.server.0.borrow_mut().holders.retain(|_, holder| *holder != self.id);
    }
}
