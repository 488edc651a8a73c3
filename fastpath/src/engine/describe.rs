//! A model's specification as a table for people: feature → operations → tensor and columns.

use std::fmt::Write;

use super::model::{Model, TensorInfo};
use crate::features::program::{ColumnPlan, Late, Program, Target};
use crate::spec::model::{PaddingOf, PaddingPart};

impl Model {
    /// What the model takes and gives, a line each.
    #[must_use]
    pub fn describe(&self) -> String {
        let mut rows = vec![];
        if let Some(program) = &self.program {
            self.describe_features(program, &mut rows);
        }
        let mut out = String::new();
        if !rows.is_empty() {
            table(&["feature", "type", "operations", "tensor"], &rows, &mut out);
            out.push('\n');
        }
        let tensors = |kind: &str, tensors: Vec<TensorInfo>| {
            tensors
                .into_iter()
                .map(|tensor| {
                    let of = match (tensor.offsets_of, tensor.padding_of) {
                        (Some(of), _) => format!("offsets of {of}"),
                        (None, Some(PaddingOf { part: PaddingPart::Lengths, input })) => {
                            format!("lengths of {input}")
                        }
                        (None, Some(PaddingOf { part: PaddingPart::Mask, input })) => {
                            format!("mask of {input}")
                        }
                        (None, None) => String::new(),
                    };
                    [
                        kind.to_owned(),
                        tensor.name,
                        format!("{} {:?}", tensor.datatype.name(), tensor.shape),
                        of,
                    ]
                })
                .collect::<Vec<_>>()
        };
        let mut rows = tensors("input", self.inputs());
        rows.extend(tensors("output", self.outputs()));
        table(&["forward", "tensor", "datatype and shape", ""], &rows, &mut out);
        out
    }

    fn describe_features(&self, program: &Program, rows: &mut Vec<[String; 4]>) {
        for (index, field) in program.fields.iter().enumerate() {
            for use_ in program.uses.get(field.uses.clone()).unwrap_or_default() {
                let need = if program.required.contains(index) { "" } else { "?" };
                let target = use_
                    .target
                    .map_or_else(|| "(crosses and ages)".to_owned(), |target| self.place(program, target));
                rows.push([
                    field.name.clone(),
                    format!("{}{need}", field.kind.name()),
                    use_.ops_text.clone(),
                    target,
                ]);
            }
        }
        for late in &program.late {
            if let Late::Cross { names, buckets, target, .. } = late {
                let ops = format!("cross, hash mod {}", buckets.count());
                rows.push([names.join(" × "), "cross".to_owned(), ops, self.place(program, *target)]);
            }
        }
    }

    fn place(&self, program: &Program, target: Target) -> String {
        let data = self.spec.inputs.iter().filter(|input| input.offsets_of.is_none());
        let name = data.map(|input| input.name.as_str()).nth(target.column).unwrap_or_default();
        match (program.columns.get(target.column), target.width) {
            (Some(ColumnPlan::Jagged), _) => format!("{name} (jagged)"),
            (_, 1) => format!("{name}[{}]", target.offset),
            (_, width) => format!("{name}[{}:{}]", target.offset, target.offset + width),
        }
    }
}

/// Columns as wide as their widest cell, two spaces apart.
fn table(head: &[&str; 4], rows: &[[String; 4]], out: &mut String) {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(head.get(column).map(|cell| cell.len())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..4).map(width).collect();
    let mut line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut text = String::new();
        for (cell, width) in cells.zip(&widths) {
            let _ = write!(text, "{cell:width$}  ");
        }
        let _ = writeln!(out, "{}", text.trim_end());
    };
    line(&mut head.iter().copied());
    for row in rows {
        line(&mut row.iter().map(String::as_str));
    }
}
