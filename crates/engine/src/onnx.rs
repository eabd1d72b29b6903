//! The weights of a model that was exported to ONNX and quantised there, given to the model under their HF names.
//!
//! Only the graph's initialisers are read (ONNX IR specification, `onnx.proto3`), and its nodes for what they call them:
//! the exporter keeps the names of tables, norms and biases, but of a linear layer's weight it keeps only the name of the
//! product, `/encoder/layers.0/mlp/fc1/MatMul_quant`. The graph itself is not run: ONNX Runtime's dynamic quantisation
//! has one scale for all activations of a product, which spoils what a vision transformer sees.

use crate::EngineError;
use candle_core::{DType, Device, Result, Shape, Tensor, bail};
use candle_nn::Init;
use candle_nn::var_builder::{SimpleBackend, VarBuilder};
use prost::Message;
use prost::bytes::Bytes;
use std::collections::HashMap;
use std::path::Path;

/// `TensorProto.DataType`.
const FLOAT: i32 = 1;
const INT8: i32 = 3;

/// The weights of an ONNX file.
pub struct Onnx {
    tensors: HashMap<String, TensorProto>,
    /// HF name of a linear layer's weight → the name of the int8 initialiser that holds it, `[in, out]`.
    products: HashMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
struct ModelProto {
    #[prost(message, optional, tag = "7")]
    graph: Option<GraphProto>,
}

#[derive(Clone, PartialEq, Message)]
struct GraphProto {
    #[prost(message, repeated, tag = "1")]
    node: Vec<NodeProto>,
    #[prost(message, repeated, tag = "5")]
    initializer: Vec<TensorProto>,
}

#[derive(Clone, PartialEq, Message)]
struct NodeProto {
    #[prost(string, repeated, tag = "1")]
    input: Vec<String>,
    #[prost(string, tag = "3")]
    name: String,
    #[prost(string, tag = "4")]
    op_type: String,
}

#[derive(Clone, PartialEq, Message)]
struct TensorProto {
    #[prost(int64, repeated, tag = "1")]
    dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    data_type: i32,
    #[prost(float, repeated, tag = "4")]
    float_data: Vec<f32>,
    #[prost(int32, repeated, tag = "5")]
    int32_data: Vec<i32>,
    #[prost(string, tag = "8")]
    name: String,
    #[prost(bytes = "bytes", tag = "9")]
    raw_data: Bytes,
}

impl Onnx {
    /// Parses a whole file, which errors call `path`. Tensors stay in it until they are asked for.
    pub fn parse(path: &Path, file: Bytes) -> std::result::Result<Self, EngineError> {
        let malformed = |e: prost::DecodeError| EngineError::weights(path)(candle_core::Error::Msg(e.to_string()));
        let graph = ModelProto::decode(file).map_err(malformed)?.graph.unwrap_or_default();
        let products = graph.node.iter().filter(|node| node.op_type == "MatMulInteger");
        let products = products.filter_map(|node| Some((weight_name(&node.name)?, node.input.get(1)?.clone())));
        let products = products.collect();
        let tensors = graph.initializer.into_iter().map(|tensor| (tensor.name.clone(), tensor)).collect();
        Ok(Self { tensors, products })
    }

    /// Lets a model take its tensors, as `dtype`, on `device`. Each is expanded when it is taken.
    pub fn into_weights(self, dtype: DType, device: &Device) -> VarBuilder<'static> {
        VarBuilder::from_backend(Box::new(self), dtype, device.clone())
    }

    fn tensor(&self, name: &str) -> Result<&TensorProto> {
        match self.tensors.get(name) {
            Some(tensor) => Ok(tensor),
            None => bail!("there is no initialiser `{name}`"),
        }
    }

    /// An int8 weight `[in, out]` with one scale for each output channel and no zero points, as `[out, in]`.
    fn expand(&self, quantised: &str) -> Result<Tensor> {
        let base = quantised.strip_suffix("_quantized").unwrap_or(quantised);
        let (weight, scale) = (self.tensor(quantised)?, self.tensor(&format!("{base}_scale"))?.floats()?);
        if self.tensor(&format!("{base}_zero_point"))?.bytes()?.any(|zero| zero != 0) {
            bail!("`{quantised}` is not quantised symmetrically")
        }
        let shape = weight.shape()?;
        let (_, out) = shape.dims2()?;
        let values: Vec<f32> = weight.bytes()?.map(f32::from).collect();
        let scale = Tensor::from_vec(scale, out, &Device::Cpu)?;
        Tensor::from_vec(values, shape, &Device::Cpu)?.broadcast_mul(&scale)?.t()?.contiguous()
    }
}

/// `/vision_model/encoder/layers.0/mlp/fc1/MatMul_quant` → `vision_model.encoder.layers.0.mlp.fc1.weight`.
fn weight_name(node: &str) -> Option<String> {
    let path = node.strip_prefix('/')?.strip_suffix("/MatMul_quant")?;
    Some(format!("{}.weight", path.replace('/', ".")))
}

impl TensorProto {
    fn shape(&self) -> Result<Shape> {
        let dims = self.dims.iter().map(|&d| usize::try_from(d));
        match dims.collect::<std::result::Result<Vec<_>, _>>() {
            Ok(dims) => Ok(dims.into()),
            Err(_) => bail!("`{}` has a negative dimension", self.name),
        }
    }

    fn floats(&self) -> Result<Vec<f32>> {
        if self.data_type != FLOAT {
            bail!("`{}` does not hold f32", self.name)
        }
        if self.raw_data.is_empty() {
            return Ok(self.float_data.clone());
        }
        Ok(self.raw_data.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect())
    }

    fn bytes(&self) -> Result<impl Iterator<Item = i8> + '_> {
        if self.data_type != INT8 {
            bail!("`{}` does not hold int8", self.name)
        }
        // One of the two is empty.
        let raw = self.raw_data.iter().map(|&byte| byte.cast_signed());
        Ok(raw.chain(self.int32_data.iter().map(|&value| value as i8)))
    }
}

impl SimpleBackend for Onnx {
    fn get(&self, shape: Shape, name: &str, _: Init, dtype: DType, device: &Device) -> Result<Tensor> {
        let tensor = self.get_unchecked(name, dtype, device)?;
        match *tensor.shape() == shape {
            true => Ok(tensor),
            false => bail!("`{name}` is {:?}, not {shape:?}", tensor.shape()),
        }
    }

    fn get_unchecked(&self, name: &str, dtype: DType, device: &Device) -> Result<Tensor> {
        let tensor = match self.products.get(name) {
            Some(quantised) => self.expand(quantised)?,
            None => {
                let plain = self.tensor(name)?;
                Tensor::from_vec(plain.floats()?, plain.shape()?, &Device::Cpu)?
            }
        };
        tensor.to_dtype(dtype)?.to_device(device)
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.products.contains_key(name) || self.tensors.contains_key(name)
    }
}
