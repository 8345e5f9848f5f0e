//! What the service keeps in memory: the catalogue, the recent orders, an export and an audit trail.

use crate::handlers::{Order, Receipt};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

/// Products on sale.
pub(crate) const PRODUCTS: u32 = 500;

/// Receipts that the shop remembers; the oldest makes room.
const RECENT: u64 = 1_000;

/// The state that all requests share.
pub(crate) struct Shop {
    /// What is on sale, by number.
    pub(crate) catalogue: BTreeMap<u32, Product>,
    /// The last receipts, by order number.
    pub(crate) recent: RecentOrders,
    /// Every request ever made.
    pub(crate) audit: AuditTrail,
    /// The catalogue as text, for the partners.
    pub(crate) export: ExportBuffer,
    /// The last line of each statement that the nightly batch has made.
    pub(crate) statements: Mutex<Vec<String>>,
}

/// One thing on sale.
#[derive(Clone)]
pub(crate) struct Product {
    pub(crate) name: String,
    pub(crate) cents: u64,
}

impl Shop {
    /// A shop with its shelves full and no orders yet.
    pub(crate) fn open() -> Shop {
        let product = |number: u32| Product {
            name: format!("product no. {number:04}, in its box"),
            cents: 199 + u64::from(number) * 7,
        };
        Shop {
            catalogue: (0..PRODUCTS).map(|number| (number, product(number))).collect(),
            recent: RecentOrders::default(),
            audit: AuditTrail::default(),
            export: ExportBuffer::default(),
            statements: Mutex::default(),
        }
    }
}

/// A bounded cache, as it should be: it reaches its size and stays there.
#[derive(Default)]
pub(crate) struct RecentOrders {
    receipts: Mutex<BTreeMap<u64, Arc<Receipt>>>,
}

impl RecentOrders {
    /// Remembers a receipt, and removes the one that is now too old.
    pub(crate) fn insert(&self, receipt: Arc<Receipt>) {
        let mut receipts = self.receipts.lock();
        if let Some(oldest) = receipt.number.checked_sub(RECENT) {
            receipts.remove(&oldest);
        }
        receipts.insert(receipt.number, receipt);
    }

    /// The receipt of an order, unless it's too old.
    pub(crate) fn get(&self, number: u64) -> Option<Arc<Receipt>> {
        self.receipts.lock().get(&number).cloned()
    }
}

/// SURPRISE, the slow leak: each request adds an entry, and nobody ever removes one.
#[derive(Default)]
pub(crate) struct AuditTrail {
    entries: Mutex<Vec<AuditEntry>>,
}

struct AuditEntry {
    _number: u64,
    _what: String,
}

impl AuditTrail {
    /// Notes an order, and never removes it.
    pub(crate) fn record(&self, number: u64, order: &Order) {
        let what = format!("order {number} by customer {}: {} lines", order.customer, order.lines.len());
        self.entries.lock().push(AuditEntry { _number: number, _what: what });
    }
}

/// SURPRISE, grown once and kept: `clear` empties the text but not the memory behind it, so one export of
/// everything leaves the shop with its capacity until the end.
#[derive(Default)]
pub(crate) struct ExportBuffer {
    text: Mutex<String>,
}

impl ExportBuffer {
    /// Writes `copies` catalogues into the buffer and returns how many bytes they are.
    pub(crate) fn render(&self, catalogue: &BTreeMap<u32, Product>, copies: usize) -> usize {
        let mut text = self.text.lock();
        text.clear();
        for (number, product) in (0..copies).flat_map(|_| catalogue) {
            // Writing to a `String` never fails.
            let _ = writeln!(text, "{number};{};{}", product.name, product.cents);
        }
        text.len()
    }
}
