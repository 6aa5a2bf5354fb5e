//! What burn has to know of our operations: when they apply, and how gradients pass them.

use std::any::{Any, TypeId};
use std::fmt::Debug;

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::{
    BalancedCheckpointing, CheckpointStrategy, NoCheckpointing,
};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::{Autodiff, Flex};
use burn::prelude::*;
use burn::tensor::{DType, Shape, TensorData, TensorMetadata, TensorPrimitive};
use burn_flex::FlexTensor;

use crate::nn::cast;

/// An operation on images `[B, C, height, width]` with a weight of rank `W` and a bias, if any.
pub(super) trait Operation<const W: usize>: Copy + Debug + Send + 'static {
    /// What the gradients need besides what went in.
    type Kept: Clone + Debug + Send + 'static;
    /// Shape of the output for so many images.
    fn shape(&self, images: usize) -> [usize; 4];
    /// The output.
    fn forward(&self, x: &[f32], weight: &[f32], bias: Option<&[f32]>) -> (Vec<f32>, Self::Kept);
    /// Whether the gradients that are `wanted`, of x, weight and bias, depend on x.
    fn reads_input(&self, _wanted: [bool; 3]) -> bool {
        true
    }
    /// The gradients that are `wanted`; `taken` are x, empty where it is not read, weight and bias.
    fn backward(
        &self,
        taken: [&[f32]; 3],
        kept: &Self::Kept,
        grad: &[f32],
        wanted: [bool; 3],
    ) -> [Option<Vec<f32>>; 3];
}

/// Whether the operations may apply: tensors of other backends need not even be reshaped for them.
pub(super) fn is_flex<B: Backend>() -> bool {
    let all = [
        TypeId::of::<Flex>(),
        TypeId::of::<Autodiff<Flex, NoCheckpointing>>(),
        TypeId::of::<Autodiff<Flex, BalancedCheckpointing>>(),
    ];
    all.contains(&TypeId::of::<B>())
}

/// The operation on images alone, where they are those of flex.
pub(super) fn alone<B: Backend, O: Operation<1>>(
    operation: O,
    x: Tensor<B, 4>,
) -> Option<Tensor<B, 4>> {
    let nothing = Tensor::zeros([0], (&x.device(), x.dtype()));
    apply(operation, (x, nothing, None))
}

/// What goes into an operation.
type Taken<B, const W: usize> = (Tensor<B, 4>, Tensor<B, W>, Option<Tensor<B, 1>>);

/// The operation, where the tensors are those of flex in one format. Other formats than f32 are
/// rounded to: it computes in f32, as GPUs add up products of 16-bit numbers.
pub(super) fn apply<B: Backend, O: Operation<W>, const W: usize>(
    operation: O,
    taken: Taken<B, W>,
) -> Option<Tensor<B, 4>> {
    let (x, weight, bias) = taken;
    let dtype = x.dtype();
    let others = [Some(weight.dtype()), bias.as_ref().map(Tensor::dtype)];
    if !is_flex::<B>() || others.iter().flatten().any(|&other| other != dtype) {
        return None;
    }
    let exact = (
        cast(x, DType::F32),
        cast(weight, DType::F32),
        bias.map(|bias| cast(bias, DType::F32)),
    );
    let y = tracked::<B, NoCheckpointing, O, W>(operation, &exact)
        .or_else(|| tracked::<B, BalancedCheckpointing, O, W>(operation, &exact))
        .or_else(|| same(&direct::<O, W>(operation, same(&exact)?)))?;
    Some(cast(y, dtype))
}

/// A value as what it is, where the compiler does not know that it is.
fn same<A: Any, T: Any + Clone>(value: &A) -> Option<T> {
    (value as &dyn Any).downcast_ref::<T>().cloned()
}

/// Without autodiff.
fn direct<O: Operation<W>, const W: usize>(
    operation: O,
    (x, weight, bias): Taken<Flex, W>,
) -> Tensor<Flex, 4> {
    let x = x.into_primitive().tensor().to_contiguous();
    let weight = weight.into_primitive().tensor().to_contiguous();
    let bias = bias.map(|bias| bias.into_primitive().tensor().to_contiguous());
    let shape = operation.shape(x.shape()[0]);
    let (out, _) = operation.forward(values(&x), values(&weight), bias.as_ref().map(values));
    Tensor::from_primitive(TensorPrimitive::Float(tensor(out, Shape::from(shape))))
}

fn tracked<B: Backend, C: CheckpointStrategy, O: Operation<W>, const W: usize>(
    operation: O,
    taken: &Taken<B, W>,
) -> Option<Tensor<B, 4>> {
    same(&differentiable::<C, O, W>(operation, same(taken)?))
}

fn differentiable<C: CheckpointStrategy, O: Operation<W>, const W: usize>(
    operation: O,
    (x, weight, bias): Taken<Autodiff<Flex, C>, W>,
) -> Tensor<Autodiff<Flex, C>, 4> {
    let shape = operation.shape(x.dims()[0]);
    let biased = bias.is_some();
    let bias = bias.unwrap_or_else(|| Tensor::zeros([0], &x.device()));
    let x = x.into_primitive().tensor();
    let weight = weight.into_primitive().tensor();
    let bias = bias.into_primitive().tensor();
    let wanted = [&x.node, &weight.node, &bias.node];
    let wanted = wanted.map(|node| node.clone_if_require_grad().is_some());

    let shapes = [&x, &weight, &bias].map(|tensor| tensor.primitive.shape());
    let held = [&weight.primitive, &bias.primitive].map(FlexTensor::to_contiguous);
    let image = x.primitive.to_contiguous();
    let [factor, shift] = held.each_ref().map(values);
    let (out, kept) = operation.forward(values(&image), factor, biased.then_some(shift));
    let out = tensor(out, Shape::from(shape));

    let nodes = [x.node.clone(), weight.node, bias.node];
    let step = Gradient::<O, W>(operation)
        .prepare::<C>(nodes)
        .compute_bound();
    let out = match step.stateful() {
        OpsKind::UnTracked(step) => step.finish(out),
        OpsKind::Tracked(mut step) => {
            let input = (operation.reads_input(wanted)).then(|| step.checkpoint(&x));
            step.finish((input, held, shapes, kept), out)
        }
    };
    Tensor::from_primitive(TensorPrimitive::Float(out))
}

#[derive(Debug)]
struct Gradient<O, const W: usize>(O);

impl<O: Operation<W>, const W: usize> Backward<Flex, 3> for Gradient<O, W> {
    type State = (Option<NodeId>, [FlexTensor; 2], [Shape; 3], O::Kept);

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let (input, held, shapes, kept) = ops.state;
        let grad = grads.consume::<Flex>(&ops.node).to_contiguous();
        let input = input.map(|node| {
            let input: FlexTensor = checkpointer.retrieve_node_output(node);
            input.to_contiguous()
        });
        let x = input.as_ref().map(values).unwrap_or_default();
        let [weight, bias] = held.each_ref().map(values);
        let wanted = ops.parents.each_ref().map(Option::is_some);
        let found = (self.0).backward([x, weight, bias], &kept, values(&grad), wanted);
        let found = ops.parents.into_iter().zip(found).zip(shapes);
        for ((parent, found), shape) in found {
            if let (Some(parent), Some(found)) = (parent, found) {
                grads.register::<Flex>(parent.id, tensor(found, shape));
            }
        }
    }
}

/// Numbers of a tensor that is contiguous.
fn values(tensor: &FlexTensor) -> &[f32] {
    match tensor.as_slice() {
        Some(values) => values,
        None => unreachable!("a contiguous tensor of f32"),
    }
}

fn tensor(values: Vec<f32>, shape: Shape) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}
