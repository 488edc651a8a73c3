//! Compiles a checked model.toml into a feature program and the layout of forward's arguments.

use std::sync::atomic::AtomicU16;

use hashbrown::HashMap;

use super::category::{HashFunction, Hasher};
use super::compile_ops::{Compiled, Width, compile_ops, hash_of};
use super::default::DefaultValue;
use super::layout::{Finished, Layout};
use super::list_form::ListForm;
use super::pipeline::{Element, Head, Pipeline};
use super::program::{Bits, ColumnForm, Field, FieldShape, Late, MAX_FEATURES, Program, Use};
use super::quick::Quick;
use super::range::Range;
use super::template::Template;
use crate::spec::error::{Fault, nearest};
use crate::spec::model::{ModelSpec, check_name};
use crate::spec::text::{AgeUnit, CrossText, FeatureText, FeatureType};
use crate::wire::entry_key::EntryKey;

/// Compiles the features of a model that has some. Operations that are still to be fitted are left out and noted.
pub fn compile(spec: &ModelSpec) -> Result<Program, Fault> {
    compile_all(spec, true)
}

/// The same, where features may go nowhere: they are looked at to be fitted, not to be served.
pub fn compile_probe(spec: &ModelSpec) -> Result<Program, Fault> {
    compile_all(spec, false)
}

fn compile_all(spec: &ModelSpec, all_go_somewhere: bool) -> Result<Program, Fault> {
    if spec.text.feature.len() > MAX_FEATURES {
        return Err(Fault::new(format!("the file has more than {MAX_FEATURES} [[feature]] tables")));
    }
    let mut compiler = Compiler::new(spec)?;
    for feature in &spec.text.feature {
        let at = feature.span().start;
        let unfitted = compiler.feature(feature.get_ref()).map_err(|fault| fault.at(at))?;
        compiler.unfitted.extend(unfitted.map(|fault| fault.at(at)));
    }
    if all_go_somewhere {
        compiler.check_destinations()?;
    }
    for feature in &spec.text.feature {
        compiler.age(feature.get_ref()).map_err(|fault| fault.at(feature.span().start))?;
    }
    for cross in &spec.text.cross {
        compiler.cross(cross.get_ref()).map_err(|fault| fault.at(cross.span().start))?;
    }
    compiler.finish()
}

/// One `[[feature]]` on its way into the program.
struct Draft<'s> {
    text: &'s FeatureText,
    use_: Use,
    range: Option<Range>,
    default: Option<DefaultValue>,
    age: Option<(String, AgeUnit)>,
}

struct Compiler<'s> {
    spec: &'s ModelSpec,
    layout: Layout,
    /// `[[feature]]` tables so far.
    entries: usize,
    /// By distinct name, in the order of first appearance.
    fields: Vec<(String, Vec<Draft<'s>>)>,
    slots: Vec<String>,
    late: Vec<Late>,
    /// Features whose values reach a per-request input by way of a cross or an age.
    shared: Vec<String>,
    unfitted: Vec<Fault>,
}

impl<'s> Compiler<'s> {
    fn new(spec: &'s ModelSpec) -> Result<Self, Fault> {
        let layout = Layout::new(&spec.inputs)?;
        Ok(Self {
            spec,
            layout,
            entries: 0,
            fields: Vec::new(),
            slots: Vec::new(),
            late: Vec::new(),
            shared: Vec::new(),
            unfitted: Vec::new(),
        })
    }

    /// Takes a feature in; gives a sentence where one of its operations is still to be fitted.
    fn feature(&mut self, text: &'s FeatureText) -> Result<Option<Fault>, Fault> {
        check_name("a feature's name", &text.name)?;
        let name = &text.name;
        if text.unit.is_some() && text.kind != FeatureType::Timestamp {
            return Err(Fault::new(format!("feature `{name}` has a unit, which only a timestamp has")));
        }
        let element = match &text.to {
            Some(to) => self.layout.element(to)?,
            None => Element::Fp64,
        };
        let compiled = compile_ops(self.spec, text)?;
        let unfitted = unfitted(name, &compiled);
        let Compiled { head, ops, row, width, gives_float, age, .. } = compiled;
        if text.to.is_some() && gives_float && element.is_integer() {
            return Err(Fault::new(format!(
                "feature `{name}` gives floating-point numbers, which an integer input cannot take; \
                 add bucketize or cast, or send it to a floating-point input"
            )));
        }
        let list = ListForm::of(text, element, !row.is_empty())?;
        if age.is_some() && list != ListForm::Scalar {
            return Err(Fault::new(format!("feature `{name}` is a list, of which no age can be taken")));
        }
        let (mut target, mut padding) = (None, Box::default());
        if let Some(to) = &text.to {
            let width = match width {
                Width::One => Some(1),
                Width::Exactly(width) => Some(width),
                Width::Any => None,
            };
            target = Some(self.layout.take(to, name, &list, width)?);
            if let ListForm::Padded { max, .. } = list {
                padding = self.layout.take_padding(to, max);
            }
        }
        let pipeline = Pipeline { head, ops: ops.into(), row: row.into(), element };
        let (range, default) = (Range::of(text)?, DefaultValue::of(text)?);
        let late = age.is_some();
        let use_ = Use { pipeline, list, padding, target, late, entry: self.entries };
        self.entries += 1;
        self.join(Draft { text, use_, range, default, age })?;
        Ok(unfitted)
    }

    /// Adds a use to those of the same name.
    fn join(&mut self, draft: Draft<'s>) -> Result<(), Fault> {
        let name = &draft.text.name;
        let Some((_, drafts)) = self.fields.iter_mut().find(|(other, _)| other == name) else {
            self.fields.push((name.clone(), vec![draft]));
            return Ok(());
        };
        let same = drafts.iter().all(|other| {
            other.text.kind == draft.text.kind
                && other.text.unit == draft.text.unit
                && other.use_.list.shape() == draft.use_.list.shape()
                && other.range == draft.range
        });
        if !same {
            return Err(Fault::new(format!(
                "feature `{name}` is there twice with different type, unit, list or range; what callers send must be one thing"
            )));
        }
        drafts.push(draft);
        Ok(())
    }

    /// The slot of a scalar feature that crosses and ages look at.
    fn slot(&mut self, name: &str, allowed: &[FeatureType]) -> Result<usize, Fault> {
        let Some((_, drafts)) = self.fields.iter().find(|(other, _)| other == name) else {
            let names = self.fields.iter().map(|(name, _)| name.as_str());
            let hint =
                nearest(name, names).map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
            return Err(Fault::new(format!("`{name}` is not a feature{hint}")));
        };
        let fits = drafts
            .iter()
            .all(|draft| allowed.contains(&draft.text.kind) && draft.use_.list.shape() == FieldShape::Scalar);
        if !fits {
            let allowed = allowed.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ");
            return Err(Fault::new(format!(
                "feature `{name}` must be a scalar of type {allowed} to be used here"
            )));
        }
        if let Some(slot) = self.slots.iter().position(|other| other == name) {
            return Ok(slot);
        }
        self.slots.push(name.to_owned());
        Ok(self.slots.len() - 1)
    }

    fn check_destinations(&self) -> Result<(), Fault> {
        let orphan = self.fields.iter().find(|(name, drafts)| {
            drafts.iter().any(|draft| draft.use_.target.is_none())
                && !self.spec.text.cross.iter().any(|cross| cross.get_ref().features.contains(name))
                && !self.fields.iter().any(|(_, others)| {
                    others.iter().any(|other| other.age.as_ref().is_some_and(|(until, _)| until == name))
                })
        });
        match orphan {
            Some((name, _)) => Err(Fault::new(format!(
                "feature `{name}` goes nowhere: give it `to`, or use it in a cross or an age"
            ))),
            None => Ok(()),
        }
    }

    fn age(&mut self, text: &'s FeatureText) -> Result<(), Fault> {
        let found = self.fields.iter().enumerate().find_map(|(field, (_, drafts))| {
            drafts
                .iter()
                .position(|draft| std::ptr::eq(draft.text, text) && draft.age.is_some())
                .map(|draft| (field, draft))
        });
        let Some((field, place)) = found else { return Ok(()) };
        let slot = self.slot(&text.name, &[FeatureType::Timestamp])?;
        let Some(draft) = self.fields.get_mut(field).and_then(|(_, drafts)| drafts.get_mut(place)) else {
            return Ok(());
        };
        let (Some((until, unit)), Some(target)) = (draft.age.clone(), draft.use_.target) else {
            return Err(Fault::new(format!("feature `{}` takes an age, so it needs `to`", text.name)));
        };
        let pipeline = draft.use_.pipeline.clone();
        if text.to.as_ref().is_some_and(|to| self.layout.is_per_request(to)) {
            self.shared.push(until.clone());
        }
        let until = self.slot(&until, &[FeatureType::Timestamp])?;
        let unit_ms = match unit {
            AgeUnit::Seconds => 1_000,
            AgeUnit::Hours => 3_600_000,
            AgeUnit::Days => 86_400_000,
        };
        self.late.push(Late::Age { slot, until, unit_ms, pipeline, target });
        Ok(())
    }

    fn cross(&mut self, text: &CrossText) -> Result<(), Fault> {
        const ALLOWED: [FeatureType; 4] =
            [FeatureType::Int, FeatureType::Bool, FeatureType::String, FeatureType::Bytes];
        if text.features.len() < 2 {
            return Err(Fault::new("a cross needs two or more features"));
        }
        let name = text.features.join(" × ");
        let slots = text.features.iter().map(|name| self.slot(name, &ALLOWED)).collect::<Result<_, _>>()?;
        let Hasher { function, buckets, .. } = hash_of(&text.hash)?;
        if function != HashFunction::Farmhash64 {
            return Err(Fault::new(format!(
                "the cross of {name} must use farmhash64, which is what it is defined by"
            )));
        }
        let element = self.layout.element(&text.to)?;
        if self.layout.is_per_request(&text.to) {
            self.shared.extend(text.features.iter().cloned());
        }
        let target = self.layout.take(&text.to, &name, &ListForm::Scalar, None)?;
        let pipeline = Pipeline { head: Head::Number, ops: Box::new([]), row: Box::new([]), element };
        self.late.push(Late::Cross { names: text.features.clone(), slots, buckets, pipeline, target });
        Ok(())
    }

    fn finish(self) -> Result<Program, Fault> {
        let Finished { columns, inputs, weights } = self.layout.finish(&self.spec.inputs)?;
        let reaches_shared = |name: &str, drafts: &[Draft<'_>]| {
            let targets = drafts.iter().filter_map(|draft| draft.use_.target);
            let mut plans = targets.filter_map(|target| columns.get(target.column));
            plans.any(|plan| plan.per_request) || self.shared.iter().any(|shared| shared == name)
        };
        let per_request: Vec<bool> =
            self.fields.iter().map(|(name, drafts)| reaches_shared(name, drafts)).collect();
        let mut program = Program {
            fields: Vec::new(),
            uses: Vec::new(),
            late: self.late,
            shares: columns.iter().any(|plan| plan.per_request),
            jagged: columns.iter().any(|plan| matches!(plan.form, ColumnForm::Jagged { .. })),
            columns,
            inputs,
            weights,
            now: Vec::new(),
            template: Template::default(),
            unknown: self.spec.text.unknown_features,
            required: Bits::new(self.fields.len()),
            unfitted: self.unfitted,
            names: HashMap::default(),
            next: Box::new([]),
            keys: Box::new([]),
        };
        let mut defaults = Vec::new();
        for (index, ((name, drafts), per_request)) in self.fields.into_iter().zip(per_request).enumerate() {
            let Some(first) = drafts.first() else { continue };
            let from = program.uses.len();
            let field = Field {
                shape: first.use_.list.shape(),
                kind: first.text.kind,
                unit: first.text.unit.unwrap_or_default(),
                uses: from..from + drafts.len(),
                slot: self.slots.iter().position(|slot| *slot == name),
                per_request,
                range: first.range.clone(),
                quick: None,
                name,
            };
            if drafts.iter().any(|draft| draft.default.is_none()) {
                program.required.insert(index);
            }
            // At most MAX_FEATURES.
            program.names.insert(field.name.as_bytes().into(), u16::try_from(index).unwrap_or(u16::MAX));
            for draft in drafts {
                if draft.default == Some(DefaultValue::Now) {
                    program.now.push((index, program.uses.len()));
                }
                defaults.push(draft.default);
                program.uses.push(draft.use_);
            }
            program.fields.push(field);
        }
        for field in &mut program.fields {
            field.quick = Quick::of(field, program.uses.get(field.uses.clone()).unwrap_or_default());
        }
        program.keys = program.fields.iter().map(|field| EntryKey::of(field.name.as_bytes())).collect();
        // Behind each field the one after it, and the first behind the last and at the beginning of a row.
        let after = (1..).take(program.fields.len()).chain([0]);
        program.next = after.map(AtomicU16::new).collect();
        program.template = Template::of_defaults(&program, self.slots.len(), &defaults)?;
        Ok(program)
    }
}

/// A sentence where an operation of the feature is still to be fitted.
fn unfitted(name: &str, compiled: &Compiled) -> Option<Fault> {
    let op = compiled.unfitted?;
    Some(Fault::new(format!(
        "feature `{name}`: {op} is not fitted yet; run FeatureSpec.load(…).fit(…) on training data"
    )))
}
