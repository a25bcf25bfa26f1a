//! What the running agent tells of itself, to everyone on the host: over a local socket in the
//! runtime directory (`socket`), one JSON object (`report`) a client. It tells no secret, takes no
//! command and listens on no port.
//!
//! Nobody is woken for it: what it tells is noted where it happens and gathered when it is asked for
//! (`asked`). What is amiss (`findings`) and the words for people (`view`) are the client's.

pub mod asked;
pub mod findings;
pub mod report;
pub mod socket;
pub mod view;

/// The socket's name in the runtime directory.
pub const SOCKET: &str = "status.sock";
