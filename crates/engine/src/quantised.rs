//! Weights that stay in memory, or in their file, as they are quantised, and are expanded to f32 when they are used.

use candle_core::quantized::gguf_file::TensorInfo;
use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{D, DType, Device, Module, Result, Tensor, bail};
use candle_nn::{Embedding, Linear};
use rayon::prelude::*;
use std::borrow::Cow;
use std::io::{Read, Seek, SeekFrom};
use std::sync::{Mutex, PoisonError};

/// Rows of a matrix that are expanded together: with 640 columns 320 KiB of f32, which stay in a core's own cache until
/// they have been multiplied.
const ROWS: usize = 128;

/// Bytes that can be read in any order.
pub(crate) trait Random: Read + Seek + Send {}
impl<T: Read + Seek + Send> Random for T {}

/// A linear layer without bias, `[rows, columns]`.
pub(crate) enum Matrix {
    /// In the type that it is multiplied in.
    Dense(Linear),
    /// Blocks of [`ROWS`] rows, the last of them shorter.
    Quantised(Vec<QTensor>),
}

impl Matrix {
    /// Keeps a weight quantised.
    pub(crate) fn quantised(weight: &QTensor) -> Result<Self> {
        let (_, columns) = weight.shape().dims2()?;
        let row = row_bytes(weight.dtype(), columns)?;
        let data = weight.data()?;
        let blocks = data.chunks(ROWS * row).map(|rows| from_rows(Cow::Borrowed(rows), weight.dtype(), columns));
        Ok(Self::Quantised(blocks.collect::<Result<_>>()?))
    }
}

impl Module for Matrix {
    /// `[n, columns]` to `[n, rows]`.
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Dense(linear) => linear.forward(x),
            Self::Quantised(blocks) => {
                let product = |rows: &QTensor| x.matmul(&rows.dequantize(x.device())?.t()?);
                Tensor::cat(&blocks.par_iter().map(product).collect::<Result<Vec<_>>>()?, D::Minus1)
            }
        }
    }
}

/// An embedding table, `[rows, columns]`.
pub(crate) enum Table {
    /// In memory.
    Dense(Embedding),
    /// In its file, from which rows are read as they are looked up: the system's cache holds those in use.
    Filed(Filed),
}

/// A quantised table in a file.
pub(crate) struct Filed {
    file: Mutex<Box<dyn Random>>,
    /// Where the table begins, in bytes from the file's start.
    start: u64,
    quantisation: GgmlDType,
    rows: usize,
    columns: usize,
}

impl Filed {
    /// The table of a GGUF file that `info` describes, where tensors begin at `tensors`.
    pub(crate) fn new(mut file: Box<dyn Random>, tensors: u64, info: &TensorInfo) -> Result<Self> {
        let ((rows, columns), quantisation) = (info.shape.dims2()?, info.ggml_dtype);
        let start = tensors.saturating_add(info.offset);
        let bytes = (row_bytes(quantisation, columns)? as u64).saturating_mul(rows as u64);
        if file.seek(SeekFrom::End(0))? < start.saturating_add(bytes) {
            bail!("the file ends within its embedding table")
        }
        Ok(Self { file: Mutex::new(file), start, quantisation, rows, columns })
    }

    /// Rows `[ids.len(), columns]` in f32, on the CPU.
    fn look_up(&self, ids: &[u32]) -> Result<Tensor> {
        if ids.iter().any(|&id| id as usize >= self.rows) {
            bail!("a token id lies outside the vocabulary of {}", self.rows)
        }
        let row = row_bytes(self.quantisation, self.columns)?;
        let mut data = vec![0; ids.len() * row];
        {
            let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            for (&id, data) in ids.iter().zip(data.chunks_mut(row)) {
                file.seek(SeekFrom::Start(self.start + u64::from(id) * row as u64))?;
                file.read_exact(data)?;
            }
        }
        from_rows(Cow::Owned(data), self.quantisation, self.columns)?.dequantize(&Device::Cpu)
    }
}

impl Table {
    /// Rows `[ids.len(), columns]`, as `dtype`, on `device`.
    pub(crate) fn look_up(&self, ids: &[u32], dtype: DType, device: &Device) -> Result<Tensor> {
        match self {
            Self::Dense(embedding) => embedding.forward(&Tensor::from_slice(ids, ids.len(), device)?),
            Self::Filed(filed) => filed.look_up(ids)?.to_dtype(dtype)?.to_device(device),
        }
    }
}

/// Bytes of a row of so many columns.
fn row_bytes(quantisation: GgmlDType, columns: usize) -> Result<usize> {
    let block = quantisation.block_size();
    if columns == 0 || !columns.is_multiple_of(block) {
        bail!("rows of {columns} are not whole blocks of {block}")
    }
    Ok(columns / block * quantisation.type_size())
}

/// Whole rows as they lie in a file.
fn from_rows(data: Cow<'_, [u8]>, quantisation: GgmlDType, columns: usize) -> Result<QTensor> {
    let rows = data.len() / row_bytes(quantisation, columns)?;
    QTensor::new(QStorage::from_data(data, &Device::Cpu, quantisation)?, (rows, columns))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn random(rows: usize, columns: usize, quantisation: GgmlDType) -> QTensor {
        let weight = Tensor::randn(0f32, 1.0, (rows, columns), &Device::Cpu).unwrap();
        QTensor::quantize(&weight, quantisation).unwrap()
    }

    #[test]
    fn a_quantised_matrix_multiplies_as_its_expansion_does() {
        let x = Tensor::randn(0f32, 1.0, (5, 256), &Device::Cpu).unwrap();
        for quantisation in [GgmlDType::Q4K, GgmlDType::Q5_0, GgmlDType::Q6K, GgmlDType::Q8_0, GgmlDType::F32] {
            let weight = random(2 * ROWS + 3, 256, quantisation);
            let dense = x.matmul(&weight.dequantize(&Device::Cpu).unwrap().t().unwrap()).unwrap();
            let ours = Matrix::quantised(&weight).unwrap().forward(&x).unwrap();
            assert_eq!(ours.dims(), dense.dims());
            let worst = (ours - dense).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
            assert!(worst < 1e-4, "{quantisation:?}: {worst}");
        }
        let narrow = random(4, 256, GgmlDType::Q8_0).data().unwrap().into_owned();
        assert!(from_rows(Cow::Owned(narrow), GgmlDType::Q4K, 32).is_err(), "rows that are no whole blocks");
    }

    #[test]
    fn a_filed_table_gives_the_rows_asked_for_and_no_others() {
        let weight = random(7, 64, GgmlDType::Q8_0);
        let mut file = vec![9; 40];
        file.extend_from_slice(&weight.data().unwrap());
        let info = |offset| TensorInfo { ggml_dtype: GgmlDType::Q8_0, shape: (7, 64).into(), offset };
        let table = Filed::new(Box::new(Cursor::new(file.clone())), 32, &info(8)).unwrap();
        let rows = Table::Filed(table);
        let whole = weight.dequantize(&Device::Cpu).unwrap().to_vec2::<f32>().unwrap();
        let found = rows.look_up(&[6, 0, 6], DType::F32, &Device::Cpu).unwrap().to_vec2::<f32>().unwrap();
        assert_eq!(found, [whole[6].clone(), whole[0].clone(), whole[6].clone()]);
        assert!(rows.look_up(&[7], DType::F32, &Device::Cpu).is_err());
        assert!(Filed::new(Box::new(Cursor::new(file)), 32, &info(9)).is_err(), "a table that goes on past the end");
    }
}
