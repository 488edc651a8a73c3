//! The quantile function of the standard normal distribution.
//!
//! M. J. Wichura, "Algorithm AS 241: The percentage points of the normal distribution", Applied Statistics 37
//! (1988), PPND16: right to about one part in 10¹⁶.
#![expect(clippy::excessive_precision, reason = "the coefficients as they are printed")]

/// A ratio of two polynomials, the coefficients of the highest power first.
struct Ratio {
    numerator: [f64; 8],
    denominator: [f64; 8],
}

/// For shares between 0.075 and 0.925.
const CENTRE: Ratio = Ratio {
    numerator: [
        2.509_080_928_730_122_672_7e3,
        3.343_057_558_358_812_810_5e4,
        6.726_577_092_700_870_085_3e4,
        4.592_195_393_154_987_145_7e4,
        1.373_169_376_550_946_112_5e4,
        1.971_590_950_306_551_442_7e3,
        1.331_416_678_917_843_774_5e2,
        3.387_132_872_796_366_608_0,
    ],
    denominator: [
        5.226_495_278_852_854_561_0e3,
        2.872_908_573_572_194_267_4e4,
        3.930_789_580_009_271_061_0e4,
        2.121_379_430_158_659_586_7e4,
        5.394_196_021_424_751_107_7e3,
        6.871_870_074_920_579_083_0e2,
        4.231_333_070_160_091_125_2e1,
        1.0,
    ],
};

/// For shares down to e⁻²⁵ from either end.
const FLANK: Ratio = Ratio {
    numerator: [
        7.745_450_142_783_414_076_40e-4,
        2.272_384_498_926_918_458_33e-2,
        2.417_807_251_774_506_117_70e-1,
        1.270_458_252_452_368_382_58,
        3.647_848_324_763_204_605_04,
        5.769_497_221_460_691_405_50,
        4.630_337_846_156_545_295_90,
        1.423_437_110_749_683_577_34,
    ],
    denominator: [
        1.050_750_071_644_416_843_24e-9,
        5.475_938_084_995_344_946_00e-4,
        1.519_866_656_361_645_719_66e-2,
        1.481_039_764_274_800_745_90e-1,
        6.897_673_349_851_000_045_50e-1,
        1.676_384_830_183_803_849_40,
        2.053_191_626_637_758_821_87,
        1.0,
    ],
};

/// For shares beyond.
const TAIL: Ratio = Ratio {
    numerator: [
        2.010_334_399_292_288_132_65e-7,
        2.711_555_568_743_487_578_15e-5,
        1.242_660_947_388_078_438_60e-3,
        2.653_218_952_657_612_309_30e-2,
        2.965_605_718_285_048_912_30e-1,
        1.784_826_539_917_291_335_80,
        5.463_784_911_164_114_369_90,
        6.657_904_643_501_103_777_20,
    ],
    denominator: [
        2.044_263_103_389_939_785_64e-15,
        1.421_511_758_316_445_888_70e-7,
        1.846_318_317_510_054_681_80e-5,
        7.868_691_311_456_132_591_00e-4,
        1.487_536_129_085_061_485_25e-2,
        1.369_298_809_227_358_053_10e-1,
        5.998_322_065_558_879_376_90e-1,
        1.0,
    ],
};

impl Ratio {
    /// The ratio at `value`, times `factor`.
    fn at(&self, value: f64, factor: f64) -> f64 {
        let polynomial = |coefficients: &[f64; 8]| {
            coefficients.iter().fold(0.0, |sum, coefficient| sum * value + coefficient)
        };
        polynomial(&self.numerator) * factor / polynomial(&self.denominator)
    }
}

/// The deviate below which the share lies: −∞ of 0 and less, ∞ of 1 and more.
#[must_use]
pub fn normal_quantile(share: f64) -> f64 {
    let from_middle = share - 0.5;
    if from_middle.abs() <= 0.425 {
        return CENTRE.at(0.180_625 - from_middle * from_middle, from_middle);
    }
    let tail = if from_middle < 0.0 { share } else { 1.0 - share };
    if tail <= 0.0 {
        return f64::INFINITY.copysign(from_middle);
    }
    let distance = libm::sqrt(-libm::log(tail));
    let deviate = if distance <= 5.0 { FLANK.at(distance - 1.6, 1.0) } else { TAIL.at(distance - 5.0, 1.0) };
    deviate.copysign(from_middle)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shares and deviates of printed tables.
    #[test]
    fn known_shares_have_their_known_deviates() {
        for (share, deviate) in [
            (0.5, 0.0),
            (0.975, 1.959_963_984_540_054),
            (0.025, -1.959_963_984_540_054),
            (0.9, 1.281_551_565_544_600_4),
            (0.001, -3.090_232_306_167_813_5),
            (1e-20, -9.262_340_089_798_408),
        ] {
            let got = normal_quantile(share);
            assert!((got - deviate).abs() <= 1e-14 * deviate.abs().max(1.0), "{share}: {got}, not {deviate}");
        }
    }

    #[test]
    fn the_ends_are_infinite() {
        assert_eq!(normal_quantile(0.0).to_bits(), f64::NEG_INFINITY.to_bits());
        assert_eq!(normal_quantile(1.0).to_bits(), f64::INFINITY.to_bits());
    }
}
