//! STUB
#[derive(Debug, Clone)]
pub struct LockName(String);
impl LockName {
    pub fn leader(schema: &str, cluster: &str) -> LockName {
        LockName(format!("cwmem:leader:{schema}/{cluster}").to_lowercase())
    }
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
