//! A straight line through what is seen, which forgets: `y = slope · x + y(0)`.

/// A least-squares line with exponential forgetting.
///
/// Decayed means and moments about them (Welford's form) rather than sums of squares, which would cancel where all x
/// are nearly the same.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// What one more point leaves of the weight of all earlier ones.
    keep: f64,
    weight: f64,
    mean_x: f64,
    mean_y: f64,
    /// Decayed sums of squared deviations, and of the products of both.
    xx: f64,
    xy: f64,
    yy: f64,
}

impl Line {
    /// Without a point. About the last `1 / (1 - keep)` will count.
    #[must_use]
    pub const fn keeping(keep: f64) -> Self {
        Self { keep, weight: 0.0, mean_x: 0.0, mean_y: 0.0, xx: 0.0, xy: 0.0, yy: 0.0 }
    }

    /// One more point.
    pub fn learn(&mut self, x: f64, y: f64) {
        self.weight = self.weight * self.keep + 1.0;
        let (x_off, y_off) = (x - self.mean_x, y - self.mean_y);
        self.mean_x += x_off / self.weight;
        self.mean_y += y_off / self.weight;
        self.xx = self.xx * self.keep + x_off * (x - self.mean_x);
        self.xy = self.xy * self.keep + x_off * (y - self.mean_y);
        self.yy = self.yy * self.keep + y_off * (y - self.mean_y);
    }

    /// How many points count; 0 before the first.
    #[must_use]
    pub const fn weight(&self) -> f64 {
        self.weight
    }

    #[must_use]
    pub const fn mean_x(&self) -> f64 {
        self.mean_x
    }

    #[must_use]
    pub const fn mean_y(&self) -> f64 {
        self.mean_y
    }

    /// The mean of x², and that of x · y.
    #[must_use]
    pub fn mean_products(&self) -> (f64, f64) {
        let (xx, xy) = (self.xx / self.weight, self.xy / self.weight);
        (xx + self.mean_x * self.mean_x, xy + self.mean_x * self.mean_y)
    }

    /// How much y grows with x; none where x varies by no more than `spread` of its mean.
    #[must_use]
    pub fn slope(&self, spread: f64) -> Option<f64> {
        let deviation = (self.xx / self.weight).max(0.0).sqrt();
        (deviation > spread * self.mean_x).then(|| self.xy / self.xx)
    }

    /// The standard error of a slope that there is.
    #[must_use]
    pub fn slope_error(&self) -> f64 {
        let unexplained = (self.yy - self.xy * self.xy / self.xx).max(0.0);
        (unexplained / self.xx / self.weight).sqrt()
    }
}
