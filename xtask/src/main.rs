//! `cargo xtask`: sets up, builds, serves, demonstrates and tests the project.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use xtask::toolchain::Source;
use xtask::{
    assets, bench, bench_step, bench_web, browser, demo, parity, paths, server, ship, site,
    toolchain, tools, verify,
};

/// Sets up, builds, serves, demonstrates and tests the project.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", after_help = HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Where the compiler for the site comes from
    #[arg(long, global = true, value_enum, default_value_t = Source::Auto)]
    toolchain: Source,
}

const HELP: &str = "\
Start here:
  cargo xtask demo     train, evaluate and use a small model in the browser, from nothing
  cargo xtask test     every check and test

Each command installs what it needs and keeps it under target/. System packages
(chromium for the browser test) are installed only when the command runs as root;
otherwise it names them.";

#[derive(Subcommand)]
enum Command {
    /// Install everything that the other commands need
    Setup,
    /// Build the site into dist/, with the demo's model where a demo has been run
    Web,
    /// Serve a folder on this machine
    Serve(ServeArgs),
    /// Draw data, train DCAC and its baseline, evaluate, export, build the site, serve it
    Demo(DemoArgs),
    /// Make the model that public/ ships, from nothing: weights to begin with, DCAC, its card
    Ship(ShipArgs),
    /// Run every check and test
    Test,
    /// Compare small models with golden files, or full-size ones with PyTorch
    Parity(ParityArgs),
    /// Measure this project's speed beside that of the usual programs
    Bench(BenchArgs),
    /// Add the start script, models, samples and their lists to a built site (Trunk calls this)
    #[command(hide = true)]
    Assets(AssetArgs),
}

#[derive(Args)]
struct ServeArgs {
    /// Folder to serve
    #[arg(long, default_value = "dist")]
    dir: PathBuf,
    /// Port; 0 takes a free one
    #[arg(long, default_value_t = server::DEFAULT_PORT)]
    port: u16,
}

#[derive(Args)]
struct DemoArgs {
    /// Stop once the site is built
    #[arg(long)]
    no_serve: bool,
    /// Port of the served site; 0 takes a free one
    #[arg(long, default_value_t = server::DEFAULT_PORT)]
    port: u16,
}

#[derive(Args)]
struct ShipArgs {
    /// How large, and with that for how long
    #[arg(long, value_enum, default_value_t = ship::Size::Tiny)]
    size: ship::Size,
    /// What to compute on, as the trainer's --device: cpu, cuda, wgpu
    #[arg(long, default_value = "cpu")]
    device: String,
    /// PKU-Reid in Market-1501's folders, to measure on real people
    #[arg(long, value_name = "DIR")]
    real: Option<PathBuf>,
}

#[derive(Args)]
struct ParityArgs {
    /// Make CLIP ViT-B/16 and Stable Diffusion v1.5 in PyTorch, import and compare them
    /// (8 GB of disk, 7 GB of memory)
    #[arg(long)]
    full: bool,
    /// A Python with the packages of tests/golden/requirements.txt; set up unless given
    #[arg(long, requires = "full")]
    python: Option<PathBuf>,
}

#[derive(Args)]
struct BenchArgs {
    #[command(subcommand)]
    part: BenchPart,
}

#[derive(Subcommand)]
enum BenchPart {
    /// Images per second of the training loader and of torchvision under a DataLoader
    Loader {
        /// A Python with torch and torchvision; set up unless given
        #[arg(long)]
        python: Option<PathBuf>,
        /// Threads of the one, processes of the other
        #[arg(long, default_value_t = 2)]
        workers: usize,
        /// Length of each of the measurements
        #[arg(long, default_value_t = 10.0)]
        seconds: f64,
    },
    /// Milliseconds of a training step, and of the encoder, and of the same work in PyTorch
    Step(bench_step::StepArgs),
    /// Seconds of evaluation and re-ranking and of the customary NumPy code
    Eval {
        /// A Python with NumPy; set up unless given
        #[arg(long)]
        python: Option<PathBuf>,
    },
    /// Milliseconds per crop of the site's engines and of onnxruntime-web, in one browser
    Web {
        /// Rounds of each measurement
        #[arg(long, default_value_t = 5)]
        rounds: usize,
        /// Measure WebGPU by an adapter in software too, which is very slow
        #[arg(long)]
        software_gpu: bool,
    },
    /// Recall and milliseconds of the index and of faiss
    Index {
        /// A Python with NumPy and faiss-cpu
        #[arg(long)]
        python: PathBuf,
        /// Rows to draw
        #[arg(long, default_value_t = 1_000_000)]
        vectors: usize,
        /// Have faiss build a graph too, which takes long
        #[arg(long)]
        hnsw: bool,
    },
}

#[derive(Args)]
struct AssetArgs {
    /// The built site; Trunk's staging folder when Trunk is the caller, else dist
    #[arg(long)]
    dir: Option<PathBuf>,
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    match cli.command {
        Command::Setup => {
            let toolchain = toolchain::ensure(cli.toolchain)?;
            println!("compiler for the site: {}", toolchain.description());
            tools::report_wasm_opt(tools::wasm_opt()?);
            let browser = browser::ensure()?;
            println!("browser: {}", browser.chromium.display());
            println!("its driver: {}", browser.chromedriver.display());
            println!("axe-core: {}", tools::axe()?.display());
            Ok(())
        }
        Command::Web => site::build(&toolchain::ensure(cli.toolchain)?, &paths::dist()).map(drop),
        Command::Serve(args) => server::serve_forever(&args.dir, args.port),
        Command::Demo(args) => demo::run(cli.toolchain, (!args.no_serve).then_some(args.port)),
        Command::Ship(args) => ship::run(&ship::Order {
            size: args.size,
            device: args.device,
            real: args.real,
        }),
        Command::Test => verify::run(cli.toolchain),
        Command::Parity(args) if args.full => parity::full_size(args.python),
        Command::Parity(_) => parity::small(),
        Command::Bench(args) => match args.part {
            BenchPart::Loader {
                python,
                workers,
                seconds,
            } => bench::loader(python, workers, seconds),
            BenchPart::Web {
                rounds,
                software_gpu,
            } => bench_web::run(&toolchain::ensure(cli.toolchain)?, rounds, software_gpu),
            BenchPart::Step(args) => bench_step::run(&args),
            BenchPart::Eval { python } => bench::evaluation(python),
            BenchPart::Index {
                python,
                vectors,
                hnsw,
            } => bench::index(&python, vectors, hnsw),
        },
        Command::Assets(args) => {
            let staging = || std::env::var_os("TRUNK_STAGING_DIR").map(PathBuf::from);
            assets::add(&args.dir.or_else(staging).unwrap_or_else(paths::dist))
        }
    }
}
