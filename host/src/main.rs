fn main() {
    let mut i = petridis::Instance::new().unwrap();
    for req in [&b"PING\r\n"[..], b"TRAP", b"PING\r\n"] { eprintln!("{:?}", i.execute(req)); }
    let t = std::time::Instant::now();
    let v: Vec<_> = (0..200).map(|_| petridis::Instance::new().unwrap()).collect();
    eprintln!("new {:?}", t.elapsed()/200); drop(v);
    let t = std::time::Instant::now();
    for _ in 0..1000 { petridis::Instance::new().unwrap(); }
    eprintln!("new+drop {:?}", t.elapsed()/1000);
    let t = std::time::Instant::now();
    for _ in 0..1000000 { i.execute(b"PING\r\n").unwrap(); }
    eprintln!("exec {:?}", t.elapsed()/1000000);
    let big = b"PING\r\n".repeat(16);
    let t = std::time::Instant::now();
    for _ in 0..100000 { i.execute(&big).unwrap(); }
    eprintln!("exec16 {:?}", t.elapsed()/1600000);
}
