//! The data that a pickle describes. Nothing in the stream is executed: a call stays
//! a record of what would have been called.

use std::cell::RefCell;
use std::rc::Rc;

use anyhow::{Context, Result, bail};

/// What a pickle holds, as far as weight files go.
#[derive(Clone, Debug)]
pub enum Value {
    Int(i64),
    Text(Rc<str>),
    Tuple(Rc<Vec<Value>>),
    List(Rc<RefCell<Vec<Value>>>),
    Dict(Rc<RefCell<Vec<(Value, Value)>>>),
    /// A class or function by its dotted name.
    Global(Rc<str>),
    /// What calling a class or function would have made.
    Object(Rc<Object>),
    /// Something kept outside the pickle, by its key.
    Persistent(Rc<Value>),
    /// Anything that says nothing of weights: fractions, truth values, bytes.
    Other,
}

/// A call that was never made, and what was put into its result.
#[derive(Debug)]
pub struct Object {
    /// What would have been called.
    pub class: Value,
    /// Its arguments.
    pub arguments: Value,
    /// Entries set as in a dictionary.
    pub items: RefCell<Vec<(Value, Value)>>,
    /// The state given afterwards.
    pub state: RefCell<Value>,
}

impl Value {
    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The elements of a tuple or none.
    pub fn tuple(&self) -> &[Value] {
        match self {
            Self::Tuple(elements) => elements,
            _ => &[],
        }
    }

    /// A count that is not negative.
    pub fn count(&self) -> Option<usize> {
        match self {
            Self::Int(number) => usize::try_from(*number).ok(),
            _ => None,
        }
    }

    fn object(class: Value, arguments: Value) -> Self {
        Self::Object(Rc::new(Object {
            class,
            arguments,
            items: RefCell::default(),
            state: RefCell::new(Self::Other),
        }))
    }
}

/// Reads one pickle.
pub fn read(bytes: &[u8]) -> Result<Value> {
    let mut machine = Machine {
        bytes,
        at: 0,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: Vec::new(),
    };
    while !machine.step()? {}
    machine.pop()
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    stack: Vec<Value>,
    marks: Vec<usize>,
    memo: Vec<Value>,
}

impl<'a> Machine<'a> {
    /// Does what the next opcode says; true at the end.
    fn step(&mut self) -> Result<bool> {
        let start = self.at;
        match self.byte()? {
            b'.' => return Ok(true),
            // PROTO, FRAME: nothing that a reader of a whole file needs.
            0x80 => self.at += 1,
            0x95 => self.at += 8,
            b'(' => self.marks.push(self.stack.len()),
            // None, true, false.
            b'N' | 0x88 | 0x89 => self.stack.push(Value::Other),
            b'K' => {
                let number = self.number::<1>()?;
                self.stack.push(Value::Int(number as i64));
            }
            b'M' => {
                let number = self.number::<2>()?;
                self.stack.push(Value::Int(number as i64));
            }
            b'J' => {
                let number = self.number::<4>()?;
                self.stack.push(Value::Int(i64::from(number as u32 as i32)));
            }
            0x8a => self.long()?,
            // A fraction.
            b'G' => {
                self.take(8)?;
                self.stack.push(Value::Other);
            }
            b'X' => self.text::<4>()?,
            0x8c | b'U' => self.text::<1>()?,
            b'T' => self.text::<4>()?,
            0x8d => self.text::<8>()?,
            // Byte strings: nothing that is looked at.
            b'C' => self.skip::<1>()?,
            b'B' => self.skip::<4>()?,
            0x8e => self.skip::<8>()?,
            b')' => self.stack.push(Value::Tuple(Rc::default())),
            b't' => {
                let elements = self.pop_to_mark()?;
                self.stack.push(Value::Tuple(Rc::new(elements)));
            }
            count @ 0x85..=0x87 => {
                let from = self.stack.len().checked_sub(usize::from(count - 0x84));
                let from = from.context("a tuple of more than there is")?;
                let elements = self.stack.split_off(from);
                self.stack.push(Value::Tuple(Rc::new(elements)));
            }
            b']' => self.stack.push(Value::List(Rc::default())),
            b'l' => {
                let elements = self.pop_to_mark()?;
                self.stack.push(Value::List(Rc::new(elements.into())));
            }
            b'}' => self.stack.push(Value::Dict(Rc::default())),
            b'a' => {
                let element = self.pop()?;
                self.extend(vec![element])?;
            }
            b'e' => {
                let elements = self.pop_to_mark()?;
                self.extend(elements)?;
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set(vec![key, value])?;
            }
            b'u' => {
                let pairs = self.pop_to_mark()?;
                self.set(pairs)?;
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                let name = format!("{module}.{name}");
                self.stack.push(Value::Global(name.into()));
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Some(module), Some(name)) = (module.text(), name.text()) else {
                    bail!("a class without a name");
                };
                let name = format!("{module}.{name}");
                self.stack.push(Value::Global(name.into()));
            }
            b'R' | 0x81 => {
                let (arguments, class) = (self.pop()?, self.pop()?);
                self.stack.push(Value::object(class, arguments));
            }
            b'b' => {
                let state = self.pop()?;
                match self.top()? {
                    Value::Object(object) => *object.state.borrow_mut() = state,
                    _ => bail!("a state for something that has none"),
                }
            }
            b'Q' => {
                let key = self.pop()?;
                self.stack.push(Value::Persistent(Rc::new(key)));
            }
            b'q' => {
                let index = self.number::<1>()?;
                self.remember(index)?;
            }
            b'r' => {
                let index = self.number::<4>()?;
                self.remember(index)?;
            }
            0x94 => self.remember(self.memo.len() as u64)?,
            b'h' => {
                let index = self.number::<1>()?;
                self.recall(index)?;
            }
            b'j' => {
                let index = self.number::<4>()?;
                self.recall(index)?;
            }
            b'0' => drop(self.pop()?),
            b'2' => {
                let top = self.top()?.clone();
                self.stack.push(top);
            }
            opcode => {
                bail!("pickle opcode {opcode:#04x} at byte {start} is not one of weight files")
            }
        }
        Ok(false)
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(count);
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        self.at = self.at.saturating_add(count);
        taken.context("the pickle ends too early")
    }

    fn byte(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    /// A little-endian number of `N` bytes.
    fn number<const N: usize>(&mut self) -> Result<u64> {
        let bytes = self.take(N)?;
        Ok(bytes.iter().rev().fold(0, |n, &b| n << 8 | u64::from(b)))
    }

    /// An integer of as many bytes as its first says; those over 64 bits (the magic
    /// number of old files) are of no use here.
    fn long(&mut self) -> Result<()> {
        let count = usize::from(self.byte()?);
        let bytes = self.take(count)?;
        let negative = bytes.last().is_some_and(|b| b & 0x80 != 0);
        let start = if negative { -1 } else { 0 };
        let number = (bytes.iter().rev()).fold(start, |n: i64, &b| n << 8 | i64::from(b));
        self.stack.push(if count <= 8 {
            Value::Int(number)
        } else {
            Value::Other
        });
        Ok(())
    }

    /// Bytes after their count, a number of `N` bytes.
    fn counted<const N: usize>(&mut self) -> Result<&'a [u8]> {
        let count = self.number::<N>()?;
        self.take(usize::try_from(count)?)
    }

    fn text<const N: usize>(&mut self) -> Result<()> {
        let bytes = self.counted::<N>()?;
        let text = String::from_utf8_lossy(bytes);
        self.stack.push(Value::Text(text.as_ref().into()));
        Ok(())
    }

    fn skip<const N: usize>(&mut self) -> Result<()> {
        self.counted::<N>()?;
        self.stack.push(Value::Other);
        Ok(())
    }

    fn line(&mut self) -> Result<String> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let end = rest.iter().position(|&b| b == b'\n');
        let end = end.context("the pickle ends too early")?;
        self.at += end + 1;
        Ok(String::from_utf8_lossy(&rest[..end]).into_owned())
    }

    fn pop(&mut self) -> Result<Value> {
        self.stack
            .pop()
            .context("the pickle takes more than it has put")
    }

    fn top(&mut self) -> Result<&mut Value> {
        (self.stack.last_mut()).context("the pickle takes more than it has put")
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Value>> {
        let mark = self.marks.pop().context("the pickle lacks a mark")?;
        if mark > self.stack.len() {
            bail!("the pickle takes more than it has put");
        }
        Ok(self.stack.split_off(mark))
    }

    fn extend(&mut self, elements: Vec<Value>) -> Result<()> {
        match self.top()? {
            Value::List(list) => list.borrow_mut().extend(elements),
            // Lists of unknown classes.
            Value::Object(_) => {}
            _ => bail!("elements for something that is no list"),
        }
        Ok(())
    }

    fn set(&mut self, pairs: Vec<Value>) -> Result<()> {
        let mut pairs = pairs.into_iter();
        let mut entries = Vec::new();
        while let (Some(key), Some(value)) = (pairs.next(), pairs.next()) {
            entries.push((key, value));
        }
        match self.top()? {
            Value::Dict(dict) => dict.borrow_mut().extend(entries),
            Value::Object(object) => object.items.borrow_mut().extend(entries),
            _ => bail!("entries for something that is no dictionary"),
        }
        Ok(())
    }

    fn remember(&mut self, index: u64) -> Result<()> {
        let value = self.top()?.clone();
        let index = usize::try_from(index)?;
        // Writers count up; a gap would be memory for nothing.
        if index > self.memo.len() {
            bail!("the pickle remembers out of order");
        }
        if index == self.memo.len() {
            self.memo.push(value);
        } else {
            self.memo[index] = value;
        }
        Ok(())
    }

    fn recall(&mut self, index: u64) -> Result<()> {
        let value = usize::try_from(index).ok().and_then(|i| self.memo.get(i));
        let value = value.context("the pickle recalls what it never remembered")?;
        self.stack.push(value.clone());
        Ok(())
    }
}
