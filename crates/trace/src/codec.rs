//! A trace as bytes: little endian, no padding, floats as they are.
//!
//! ```text
//! trace   = u16 scalars, f64 each; u32 sites, site each
//! site    = u16 layer (0xffff: none), u8 role, u16 index,
//!           u8 saliency follows, [moments], u8 tensors, tensor each
//! tensor  = u8 symbol, u8 dimensions, u64 each, moments,
//!           u32 points, bfloat16 each, u32 fibres, bfloat16 each, u32 fibre count
//! moments = u64 count, 8 x f64
//! ```
//!
//! The decoder trusts nothing: a length is compared with the bytes that are
//! left before anything is allocated for it.

use lpzero_nn::{Role, Site, Symbol};

use crate::sketch::kept;
use crate::trace::{Moments, NetworkScalar, SiteTrace, TensorTrace, Trace};

/// How a `None` layer is written.
const NO_LAYER: u16 = u16::MAX;

/// The smallest encodings, which bound how many items the remaining bytes can hold.
const MOMENTS_BYTES: usize = 9 * 8;
const SMALLEST_TENSOR: usize = 2 + MOMENTS_BYTES + 3 * 4;
const SMALLEST_SITE: usize = 7;

/// These bytes are not a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

impl Trace {
    /// The trace as bytes: little endian, floats as they are. The trace cache keeps the same.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// The trace that these bytes are; `None` where they are not one. A length is compared
    /// with the bytes that are left before anything is allocated for it.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        decode(bytes).ok()
    }
}

pub(crate) fn encode(trace: &Trace) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 << 20);
    put(&mut out, (trace.scalars.len() as u16).to_le_bytes());
    trace
        .scalars
        .iter()
        .for_each(|x| put(&mut out, x.to_le_bytes()));
    put(&mut out, (trace.sites.len() as u32).to_le_bytes());
    for site in &trace.sites {
        put(&mut out, site.site.layer.unwrap_or(NO_LAYER).to_le_bytes());
        out.push(site.site.role as u8);
        put(&mut out, site.site.index.to_le_bytes());
        out.push(u8::from(site.saliency.is_some()));
        if let Some(moments) = &site.saliency {
            encode_moments(&mut out, moments);
        }
        out.push(site.tensors.len() as u8);
        for tensor in &site.tensors {
            encode_tensor(&mut out, tensor);
        }
    }
    out
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Trace, Malformed> {
    let mut input = Input(bytes);
    let scalars = input.u16()? as usize;
    if scalars != NetworkScalar::ALL.len() {
        return Err(Malformed);
    }
    let scalars = input.many(scalars, 8, Input::f64)?;
    let sites = input.u32()? as usize;
    let sites = input.many(sites, SMALLEST_SITE, decode_site)?;
    if !input.0.is_empty() {
        return Err(Malformed);
    }
    Ok(Trace { scalars, sites })
}

fn encode_tensor(out: &mut Vec<u8>, tensor: &TensorTrace) {
    out.push(tensor.symbol as u8);
    out.push(tensor.shape.len() as u8);
    for &dimension in &tensor.shape {
        put(out, (dimension as u64).to_le_bytes());
    }
    encode_moments(out, &tensor.moments);
    for data in [&tensor.points, &tensor.fibres] {
        put(out, (data.len() as u32).to_le_bytes());
        let upper = |x: &f32| (kept(*x).to_bits() >> 16) as u16;
        data.iter().for_each(|x| put(out, upper(x).to_le_bytes()));
    }
    put(out, (tensor.fibre_count as u32).to_le_bytes());
}

fn encode_moments(out: &mut Vec<u8>, moments: &Moments) {
    put(out, moments.count.to_le_bytes());
    for x in [
        moments.sum,
        moments.sum_abs,
        moments.sum_square,
        moments.sum_sqrt_abs,
        moments.min,
        moments.max,
        moments.confidence,
        moments.code_agreement,
    ] {
        put(out, x.to_le_bytes());
    }
}

fn put<const N: usize>(out: &mut Vec<u8>, bytes: [u8; N]) {
    out.extend_from_slice(&bytes);
}

fn decode_site(input: &mut Input<'_>) -> Result<SiteTrace, Malformed> {
    let layer = input.u16()?;
    let role = input.u8()? as usize;
    let index = input.u16()?;
    let saliency = match input.u8()? {
        0 => None,
        1 => Some(decode_moments(input)?),
        _ => return Err(Malformed),
    };
    let tensors = input.u8()? as usize;
    Ok(SiteTrace {
        site: Site {
            layer: (layer != NO_LAYER).then_some(layer),
            role: Role::ALL.get(role).ok_or(Malformed)?.0,
            index,
        },
        tensors: input.many(tensors, SMALLEST_TENSOR, decode_tensor)?,
        saliency,
    })
}

fn decode_tensor(input: &mut Input<'_>) -> Result<TensorTrace, Malformed> {
    let symbol = *Symbol::ALL.get(input.u8()? as usize).ok_or(Malformed)?;
    let dimensions = input.u8()? as usize;
    let shape = input.many(dimensions, 8, |input| {
        usize::try_from(input.u64()?).map_err(|_| Malformed)
    })?;
    Ok(TensorTrace {
        symbol,
        shape,
        moments: decode_moments(input)?,
        points: input.floats()?,
        fibres: input.floats()?,
        fibre_count: input.u32()? as usize,
    })
}

fn decode_moments(input: &mut Input<'_>) -> Result<Moments, Malformed> {
    Ok(Moments {
        count: input.u64()?,
        sum: input.f64()?,
        sum_abs: input.f64()?,
        sum_square: input.f64()?,
        sum_sqrt_abs: input.f64()?,
        min: input.f64()?,
        max: input.f64()?,
        confidence: input.f64()?,
        code_agreement: input.f64()?,
    })
}

/// The bytes not yet read.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(Malformed)?;
        self.0 = rest;
        Ok(*head)
    }

    fn u8(&mut self) -> Result<u8, Malformed> {
        self.take::<1>().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Result<u16, Malformed> {
        self.take().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, Malformed> {
        self.take().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, Malformed> {
        self.take().map(u64::from_le_bytes)
    }

    fn f64(&mut self) -> Result<f64, Malformed> {
        self.take().map(f64::from_le_bytes)
    }

    /// `count` items of at least `smallest` bytes each.
    fn many<T>(
        &mut self,
        count: usize,
        smallest: usize,
        item: impl Fn(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        if count > self.0.len() / smallest {
            return Err(Malformed);
        }
        (0..count).map(|_| item(self)).collect()
    }

    /// A length, then as many bfloat16.
    fn floats(&mut self) -> Result<Vec<f32>, Malformed> {
        let length = self.u32()? as usize;
        let bytes = length.checked_mul(2).ok_or(Malformed)?;
        let (data, rest) = self.0.split_at_checked(bytes).ok_or(Malformed)?;
        self.0 = rest;
        let (halves, _) = data.as_chunks::<2>();
        let float = |upper: &[u8; 2]| f32::from_bits(u32::from(u16::from_le_bytes(*upper)) << 16);
        Ok(halves.iter().map(float).collect())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::samples::small_trace;

    #[test]
    fn a_trace_survives_the_round_trip() {
        let trace = small_trace(7);
        assert_eq!(decode(&encode(&trace)), Ok(trace));
    }

    #[test]
    fn every_prefix_and_every_extension_is_malformed() {
        let mut bytes = encode(&small_trace(7));
        for length in 0..bytes.len() {
            assert_eq!(decode(&bytes[..length]), Err(Malformed), "{length}");
        }
        bytes.push(0);
        assert_eq!(decode(&bytes), Err(Malformed));
    }

    #[test]
    fn hostile_lengths_allocate_nothing() {
        // All scalars, 2^32 - 1 sites, then nothing.
        let mut bytes = encode(&small_trace(7));
        bytes.truncate(2 + 8 * NetworkScalar::ALL.len());
        bytes.extend([0xff; 4]);
        assert_eq!(decode(&bytes), Err(Malformed));
        // 65535 scalars, then nothing.
        assert_eq!(decode(&[0xff, 0xff]), Err(Malformed));
    }
}
