//! The probes of OpenTelemetry's memory profiling, as a profiler in the kernel sees them: it finds them by the program's own
//! notes, counts itself in, and puts a breakpoint where the note says. Here the program does that to itself.

mod support;

use alloc_probe::AllocProbe;
use std::process::ExitCode;
use support::truth::Truth;
use support::{Cases, cases};

#[global_allocator]
static ALLOC: AllocProbe<Truth> = AllocProbe::new(Truth(std::alloc::System));

fn main() -> ExitCode {
    support::main(&[("usdt", CASES)])
}

#[cfg(not(target_arch = "x86_64"))]
const CASES: Cases = Cases { checks: cases![], scenarios: cases![] };

#[cfg(target_arch = "x86_64")]
const CASES: Cases = Cases {
    checks: cases![
        events_add_up_to_the_profile,
        blocks_that_are_not_sampled_are_not_told_of,
        nothing_is_told_where_nobody_is_attached
    ],
    scenarios: cases![attached, idle],
};

#[cfg(target_arch = "x86_64")]
use x86_64::{
    attached, blocks_that_are_not_sampled_are_not_told_of, events_add_up_to_the_profile, idle,
    nothing_is_told_where_nobody_is_attached,
};

#[cfg(target_arch = "x86_64")]
mod x86_64 {
    use super::support::child::{Child, Outcome};
    use super::support::tell;
    use alloc_probe_format::dump::Figures;
    use std::collections::HashMap;
    use std::ffi::{c_int, c_void};
    use std::hint::black_box;
    use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};

    const MEAN: &str = "sample=4096";

    pub(super) fn events_add_up_to_the_profile() {
        let outcome = Child::new("attached", MEAN).succeed();
        let (before, after) = (sum(&outcome, "before.json"), sum(&outcome, "after.json"));
        assert!(after.total_bytes - before.total_bytes > WORK / 2, "{before:?}, {after:?}");
        assert_eq!(outcome.told("bytes"), after.total_bytes - before.total_bytes);
        assert_eq!(outcome.told("live"), after.end_bytes - before.end_bytes);
        assert_eq!(outcome.told("unknown"), 0, "blocks are freed that nobody told of");
    }

    pub(super) fn blocks_that_are_not_sampled_are_not_told_of() {
        for mode in ["count", "full"] {
            assert_eq!(Child::new("attached", mode).succeed().told("events"), 0, "{mode}");
        }
    }

    pub(super) fn nothing_is_told_where_nobody_is_attached() {
        assert_eq!(Child::new("idle", MEAN).succeed().told("events"), 0);
    }

    /// What all sites of a dump have.
    fn sum(outcome: &Outcome, name: &str) -> Figures {
        let mut sum = Figures::default();
        outcome.dump_named(name).sites.iter().for_each(|site| sum.add(&site.figures));
        sum
    }

    /// Bytes that the work allocates, about.
    const WORK: u64 = 20_000 * (100 + 3000);

    pub(super) fn attached() {
        run(true);
    }

    pub(super) fn idle() {
        run(false);
    }

    fn run(is_counted: bool) {
        let probes = probes();
        assert_eq!(probes.iter().map(|probe| probe.name.as_str()).collect::<Vec<_>>(), ["alloc", "free"]);
        alloc_probe::dump("before.json").expect("a dump");
        attach(&probes, is_counted);
        let kept = work();
        detach(&probes, is_counted);
        alloc_probe::dump("after.json").expect("a dump");
        drop(black_box(kept));

        let count = EVENTS.load(SeqCst);
        assert!(count < MOST, "{count} events");
        let (mut live, mut bytes, mut unknown) = (HashMap::new(), 0, 0);
        for event in &LOG[..count] {
            let [probe, address, size, weighted] = [0, 1, 2, 3].map(|at: usize| event[at].load(SeqCst));
            match probe {
                0 => {
                    assert!(size > 0 && weighted >= size, "{size} bytes stand for {weighted}");
                    bytes += weighted;
                    assert_eq!(live.insert(address, weighted), None, "two blocks have one address");
                }
                _ => unknown += u64::from(live.remove(&address).is_none()),
            }
        }
        tell("events", count as u64);
        tell("bytes", bytes);
        tell("live", live.values().sum());
        tell("unknown", unknown);
    }

    /// Blocks that stay, that are freed here and by another thread, and that move.
    fn work() -> Vec<Vec<u8>> {
        let mut kept = Vec::with_capacity(20_000);
        for number in 0..20_000 {
            let mut block: Vec<u8> = black_box(Vec::with_capacity(100));
            block.reserve_exact(3000);
            if number % 4 != 0 {
                kept.push(block);
            }
        }
        let others = kept.split_off(8_000);
        std::thread::spawn(move || drop(black_box(others))).join().expect("it returns");
        kept
    }

    /// A probe, as its note has it.
    struct Probe {
        name: String,
        address: usize,
        count: usize,
        /// The registers that have the arguments.
        registers: Vec<usize>,
    }

    /// How many events there is room for.
    const MOST: usize = 1 << 17;
    static EVENTS: AtomicUsize = AtomicUsize::new(0);
    static LOG: [[AtomicU64; 4]; MOST] = [const { [const { AtomicU64::new(0) }; 4] }; MOST];
    /// For each probe, its address, and the register of each argument and one more.
    static KNOWN: [[AtomicUsize; 4]; 2] = [const { [const { AtomicUsize::new(0) }; 4] }; 2];

    fn attach(probes: &[Probe], is_counted: bool) {
        for (probe, known) in probes.iter().zip(&KNOWN) {
            known[0].store(probe.address, SeqCst);
            probe
                .registers
                .iter()
                .zip(&known[1..])
                .for_each(|(register, known)| known.store(register + 1, SeqCst));
        }
        // SAFETY: the handler is of the type that the flag asks for; all zeroes are a valid action otherwise.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = on_trap as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO;
            assert_eq!(libc::sigaction(libc::SIGTRAP, &action, std::ptr::null_mut()), 0);
        }
        for probe in probes {
            add(probe, u16::from(is_counted));
            patch(probe, 0x90, 0xcc);
        }
    }

    fn detach(probes: &[Probe], is_counted: bool) {
        for probe in probes {
            patch(probe, 0xcc, 0x90);
            add(probe, u16::from(is_counted).wrapping_neg());
        }
    }

    /// The kernel's reference count.
    fn add(probe: &Probe, number: u16) {
        // SAFETY: the note says that it's there, and only atomic loads read it meanwhile.
        unsafe { (*(probe.count as *const std::sync::atomic::AtomicU16)).fetch_add(number, SeqCst) };
    }

    /// Replaces the instruction of a probe, which must be the one that is expected.
    fn patch(probe: &Probe, old: u8, new: u8) {
        let page = (probe.address & !4095) as *mut c_void;
        let code = probe.address as *mut u8;
        let all = libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC;
        // SAFETY: a byte of this program's code is replaced by another whole instruction, and no thread runs it.
        unsafe {
            assert_eq!(libc::mprotect(page, 4096, all), 0);
            assert_eq!(code.read_volatile(), old);
            code.write_volatile(new);
            assert_eq!(libc::mprotect(page, 4096, libc::PROT_READ | libc::PROT_EXEC), 0);
        }
    }

    /// Notes the arguments of the probe that was reached.
    extern "C" fn on_trap(_: c_int, _: *mut libc::siginfo_t, context: *mut c_void) {
        // SAFETY: the kernel gives the handler a context.
        let registers = unsafe { &(*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
        let at = registers[libc::REG_RIP as usize] as usize - 1;
        let Some(number) = KNOWN.iter().position(|probe| probe[0].load(SeqCst) == at) else {
            std::process::abort();
        };
        let Some(event) = LOG.get(EVENTS.fetch_add(1, SeqCst)) else { return };
        event[0].store(number as u64, SeqCst);
        for (register, value) in KNOWN[number][1..].iter().zip(&event[1..]) {
            let register = register.load(SeqCst);
            value.store(if register == 0 { 0 } else { registers[register - 1] as u64 }, SeqCst);
        }
    }

    /// The probes of OpenTelemetry's that this program's file has, by name.
    fn probes() -> Vec<Probe> {
        let file = std::fs::read("/proc/self/exe").expect("the program's own file");
        let notes = section(&file, b".note.stapsdt").expect("the section of the probes");
        let (_, base) = section(&file, b".stapsdt.base").expect("the section of the probes' base");
        let start = load_address();
        let (mut notes, mut found) = (notes.0, Vec::new());
        while !notes.is_empty() {
            let word =
                |at: usize| u32::from_le_bytes(notes[at..at + 4].try_into().expect("four bytes")) as usize;
            let (name, size, kind) = (word(0), word(4), word(8));
            assert_eq!((&notes[12..12 + name], kind), (&b"stapsdt\0"[..], 3));
            let body = &notes[12 + name.next_multiple_of(4)..][..size];
            let address =
                |at: usize| u64::from_le_bytes(body[at..at + 8].try_into().expect("eight bytes")) as usize;
            let mut words = body[24..].split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word));
            if words.next().as_deref() == Some("otel_memory") {
                assert_eq!(address(8), base, "the base is where the section is");
                let name = words.next().expect("a name").into_owned();
                let registers = words.next().expect("arguments").split(' ').map(register).collect();
                found.push(Probe {
                    name,
                    address: start + address(0),
                    count: start + address(16),
                    registers,
                });
            }
            notes = &notes[12 + name.next_multiple_of(4) + size.next_multiple_of(4)..];
        }
        found.sort_by(|one, other| one.name.cmp(&other.name));
        found
    }

    fn register(argument: &str) -> usize {
        let number = match argument {
            "8@%rdi" => libc::REG_RDI,
            "8@%rsi" => libc::REG_RSI,
            "8@%rdx" => libc::REG_RDX,
            _ => panic!("an argument in `{argument}`"),
        };
        number as usize
    }

    /// A section of an ELF file, with its address.
    fn section<'a>(file: &'a [u8], wanted: &[u8]) -> Option<(&'a [u8], usize)> {
        let number = |at: usize, bytes: usize| -> usize {
            file[at..at + bytes].iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte))
        };
        let (headers, size, count, names) = (number(40, 8), number(58, 2), number(60, 2), number(62, 2));
        let header = |section: usize| headers + section * size;
        let bytes =
            |section: usize| &file[number(header(section) + 24, 8)..][..number(header(section) + 32, 8)];
        let name =
            |section: usize| bytes(names)[number(header(section), 4)..].split(|byte| *byte == 0).next();
        let section = (0..count).find(|section| name(*section) == Some(wanted))?;
        Some((bytes(section), number(header(section) + 16, 8)))
    }

    /// How far the program was moved from where it was linked to be.
    fn load_address() -> usize {
        unsafe extern "C" fn first(object: *mut libc::dl_phdr_info, _: usize, start: *mut c_void) -> c_int {
            // SAFETY: both are valid for the call.
            unsafe { *start.cast::<usize>() = (*object).dlpi_addr as usize };
            1
        }
        let mut start = 0_usize;
        // SAFETY: the function only writes to the place that it's given.
        unsafe { libc::dl_iterate_phdr(Some(first), (&raw mut start).cast()) };
        start
    }
}
