// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package hclread

import "strconv"

// The tree is the result of all three readers: HCL in its first and second
// version, and JSON. It does not distinguish `config { … }` from `config = { …
// }`, as HCL's first version does not.

// Object is the content of a pair of braces, or of a whole file.
type Object struct {
	Items []Item
}

// Item is one key with its value, or one block.
type Item struct {
	Name     string
	Labels   []string // of a block
	Value    Value
	Offset   int  // of the name
	Assigned bool // written with "=": must not occur twice
}

// Value is the value of a key, or the content of a block.
type Value struct {
	Kind     Kind
	Text     string // of a string; of a number, as written
	Bool     bool
	Int      int64
	Float    float64
	List     []Value
	Object   *Object
	Offset   int
	Computed bool // result of an expression: may be a secret and must not be shown
}

type Kind int

const (
	Absent Kind = iota // null: as if the key were absent
	Bool
	Integer
	Float
	String
	List
	Block
)

// String returns the kind as messages name it, such as "a number".
func (k Kind) String() string {
	return [...]string{"null", "a bool", "a number", "a fraction", "a string", "a list", "a block"}[k]
}

// maxDepth limits the nesting of braces, brackets and parentheses. The parsers
// are recursive, and a stack overflow cannot be recovered from.
const maxDepth = 100

// Blocks returns the blocks in a value: itself or, as in JSON, those of a list.
// The result is false if the value is neither.
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

// Describe describes the value for a message: a literal as written, and the
// kind of a value that an expression returned, which may be a secret.
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

// IsQuotedNumber reports whether the value is a string that contains a number.
func (v Value) IsQuotedNumber() bool {
	if v.Kind != String || v.Computed {
		return false
	}
	_, err := number(v.Text)
	return err == nil
}
