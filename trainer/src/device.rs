//! Backends: the one place that names them.

use std::any::Any;
use std::fmt;
use std::str::FromStr;

use anyhow::{Result, anyhow, bail};
use burn::backend::Autodiff;
use burn::backend::autodiff::checkpoint::strategy::{
    BalancedCheckpointing, CheckpointStrategy, NoCheckpointing,
};
use burn::tensor::Tensor;
use burn::tensor::backend::{AutodiffBackend, Backend, DeviceId, DeviceOps};
use clap::Args;
use dcac_model::nn::Compute;

/// What a tensor holds, row-major. Waits until its device has computed it.
pub fn numbers<B: Backend, const D: usize>(tensor: Tensor<B, D>) -> Result<Vec<f32>> {
    (tensor.into_data().convert::<f32>().into_vec())
        .map_err(|error| anyhow!("cannot read what the model gives: {error:?}"))
}

/// What `--device` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceChoice {
    /// Flex, on all cores.
    Cpu,
    /// Vulkan, Metal or DirectX through wgpu.
    Wgpu,
    /// An NVIDIA GPU by index.
    Cuda(usize),
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "cpu" => Ok(Self::Cpu),
            None if text == "wgpu" => Ok(Self::Wgpu),
            None if text == "cuda" => Ok(Self::Cuda(0)),
            Some(("cuda", index)) => (index.parse().map(Self::Cuda))
                .map_err(|_| format!("`{index}` is no GPU index; write cuda:0 for the first GPU")),
            _ => Err(format!(
                "`{text}` is no device; choose cpu, wgpu or cuda[:N]"
            )),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.kind())?;
        match self {
            Self::Cuda(index) => write!(f, ":{index}"),
            Self::Cpu | Self::Wgpu => Ok(()),
        }
    }
}

impl DeviceChoice {
    /// The kind of device, whatever its index.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Wgpu => "wgpu",
            Self::Cuda(_) => "cuda",
        }
    }
}

/// The first of several devices.
///
/// # Errors
/// None at all, and kinds that differ: replicas on them would not stay equal.
pub fn first_of_one_kind(devices: &[DeviceChoice]) -> Result<DeviceChoice> {
    let Some((&first, others)) = devices.split_first() else {
        bail!("no device is named");
    };
    match others.iter().find(|other| other.kind() != first.kind()) {
        Some(other) => bail!("--device names {first} and {other}, expected devices of one kind"),
        None => Ok(first),
    }
}

/// That a device computes in a number format.
pub fn computes_in<B: Backend>(device: &B::Device, precision: Compute) -> Result<()> {
    if !B::supports_dtype(device, precision.dtype()) {
        bail!("this device does not compute in {precision}; set precision=f32");
    }
    Ok(())
}

/// Whether a device is the CPU.
pub fn is_cpu<B: Backend>(device: &B::Device) -> bool {
    (device as &dyn Any).is::<burn_flex::FlexDevice>()
}

/// Computes on one of the threads that the CPU backend shares its work with: on another thread, each
/// of a step's many small operations would wake one of them and wait for it. On a GPU, here.
///
/// `compute` must not wait for what these threads have yet to do for others.
pub fn among_workers<B: Backend, R: Send>(
    device: &B::Device,
    compute: impl FnOnce() -> R + Send,
) -> R {
    if is_cpu::<B>(device) {
        rayon::scope(|_| compute())
    } else {
        compute()
    }
}

/// Bytes that the allocator of a GPU has taken for tensors, those that it keeps for the next ones
/// too; none of a CPU.
pub fn gpu_memory<B: Backend>(device: &B::Device) -> Option<u64> {
    let device: &dyn Any = device;
    let found = None;
    #[cfg(feature = "wgpu")]
    let found = found.or_else(|| reserved::<burn::cubecl::wgpu::WgpuRuntime>(device));
    #[cfg(feature = "cuda")]
    let found = found.or_else(|| reserved::<burn::cubecl::cuda::CudaRuntime>(device));
    let _ = device;
    found
}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
fn reserved<R: burn::cubecl::Runtime>(device: &dyn Any) -> Option<u64> {
    let usage = R::client(device.downcast_ref()?).memory_usage().ok()?;
    Some(usage.bytes_reserved)
}

/// Devices as `--device` names them.
pub fn names(devices: &[DeviceChoice]) -> String {
    let names: Vec<String> = devices.iter().map(ToString::to_string).collect();
    names.join(",")
}

/// The device of a choice that is of the same kind as `device`.
pub fn sibling<D: DeviceOps>(device: &D, choice: DeviceChoice) -> D {
    match choice {
        DeviceChoice::Cuda(index) => D::from_id(DeviceId {
            index_id: index as _,
            ..device.id()
        }),
        DeviceChoice::Cpu | DeviceChoice::Wgpu => device.clone(),
    }
}

/// Where the numbers are computed.
#[derive(Args)]
pub struct DeviceArgs {
    /// cpu, wgpu, cuda or cuda:N; all but the first need a build with that cargo feature
    #[arg(long, default_value = "cpu")]
    pub device: DeviceChoice,
}

/// Work that runs on any backend.
pub trait Job {
    /// What it gives.
    type Output;
    /// Does the work.
    fn run<B: AutodiffBackend>(self, device: &B::Device) -> Result<Self::Output>
    where
        B::Device: 'static;
}

/// Runs a job on the chosen device.
pub fn dispatch<J: Job>(choice: DeviceChoice, job: J) -> Result<J::Output> {
    run::<J, NoCheckpointing>(choice, job)
}

/// Runs a job that, where an operation is cheap, computes its results again in the
/// backward pass instead of keeping them: less memory, more time, the same numbers.
pub fn dispatch_recomputing<J: Job>(choice: DeviceChoice, job: J) -> Result<J::Output> {
    run::<J, BalancedCheckpointing>(choice, job)
}

fn run<J: Job, C: CheckpointStrategy>(choice: DeviceChoice, job: J) -> Result<J::Output> {
    match choice {
        DeviceChoice::Cpu => job.run::<Autodiff<burn::backend::Flex, C>>(&Default::default()),
        #[cfg(feature = "wgpu")]
        DeviceChoice::Wgpu => job.run::<Autodiff<burn::backend::Wgpu, C>>(&Default::default()),
        #[cfg(not(feature = "wgpu"))]
        DeviceChoice::Wgpu => missing("wgpu", "wgpu"),
        #[cfg(feature = "cuda")]
        DeviceChoice::Cuda(index) => cuda::<J, C>(job, index),
        #[cfg(not(feature = "cuda"))]
        DeviceChoice::Cuda(_) => missing("cuda", "cuda"),
    }
}

#[cfg(not(all(feature = "wgpu", feature = "cuda")))]
fn missing<T>(device: &str, feature: &str) -> Result<T> {
    bail!(
        "--device {device} is not part of this program; build it with `cargo build --release --bin trainer --features trainer/{feature}`"
    )
}

#[cfg(feature = "cuda")]
fn cuda<J: Job, C: CheckpointStrategy>(job: J, index: usize) -> Result<J::Output> {
    // Without a driver the first tensor panics deep inside the runtime; the panic's
    // text is the only word there is, so it becomes the error.
    let run = std::panic::AssertUnwindSafe(|| {
        let device = burn::backend::cuda::CudaDevice::new(index);
        burn::tensor::Tensor::<burn::backend::Cuda, 1>::zeros([1], &device).into_data();
        device
    });
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let probed = std::panic::catch_unwind(run);
    std::panic::set_hook(hook);
    let device = probed.map_err(|_| {
        anyhow::anyhow!(
            "no usable NVIDIA GPU {index}: install the NVIDIA driver (libcuda), and NVRTC with the CUDA headers, and let CUDA_PATH name their folder; `nvidia-smi` lists the GPUs"
        )
    })?;
    job.run::<Autodiff<burn::backend::Cuda, C>>(&device)
}
