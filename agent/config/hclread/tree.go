// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package hclread

import "strconv"

// The tree is what all three readers produce: HCL in its second and in its
// first version, and JSON. It does not tell `config { … }` from `config = { … }`,
// as HCL's first version did not.

// object is the inside of a pair of braces, or a whole file.
type Object struct {
	Items []Item
}

// item is one key with its value, or one block.
type Item struct {
	Name     string
	Labels   []string // of a block
	Value    Value
	Offset   int  // of the name
	Assigned bool // written with "=", so that it may occur only once
}

// value is what stands after a key.
type Value struct {
	Kind     Kind
	Text     string // of a text; of a number, as it was written
	Bool     bool
	Int      int64
	Float    float64
	List     []Value
	Object   *Object
	Offset   int
	Computed bool // by an expression, so that it must not be shown: it may be a secret
}

type Kind int

const (
	Absent Kind = iota // null: as if the key was not there
	Bool
	Integer
	Float
	String
	List
	Block
)

// String names the kind as a message does: "is a number".
func (k Kind) String() string {
	return [...]string{"null", "a bool", "a number", "a fraction", "a string", "a list", "a block"}[k]
}

// maxDepth bounds the nesting of braces, brackets and parentheses. The parsers
// are recursive, and a stack that overflows cannot be recovered from.
const maxDepth = 100

// objects returns the blocks that a value holds: itself, or, as in JSON, those
// of a list. It is false if the value is neither.
func (v Value) Blocks() ([]Value, bool) {
	switch v.Kind {
	case Block:
		return []Value{v}, true
	case List:
		for _, element := range v.List {
			if element.Kind != Block {
				return nil, false
			}
		}
		return v.List, true
	}
	return nil, false
}

// describe describes the value for a message: a literal as it was written, and
// only the kind of a value that an expression returned, which may be a secret.
func (v Value) Describe() string {
	shown := v.Kind.String()
	switch {
	case v.Computed:
	case v.Kind == Bool:
		shown = strconv.FormatBool(v.Bool)
	case v.Kind == Integer || v.Kind == Float:
		shown = v.Text
	case v.Kind == String && len(v.Text) <= 40:
		shown = strconv.Quote(v.Text)
	}
	return shown
}

// isQuotedNumber reports whether the value is a number in quotes.
func (v Value) IsQuotedNumber() bool {
	if v.Kind != String || v.Computed {
		return false
	}
	_, err := number(v.Text)
	return err == nil
}
