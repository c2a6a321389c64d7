// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

// The tree is what all three readers produce: HCL in its second and in its
// first version, and JSON. It does not tell `config { … }` from `config = { … }`,
// as HCL's first version did not.

// object is the inside of a pair of braces, or a whole file.
type object struct {
	items []item
}

// item is one key with its value, or one block.
type item struct {
	name     string
	labels   []string // of a block
	value    value
	offset   int  // of the name
	assigned bool // written with "=", so that it may occur only once
}

// value is what stands after a key.
type value struct {
	kind     valueKind
	text     string // of a text; of a number, as it was written
	truth    bool
	integer  int64
	float    float64
	list     []value
	object   *object
	offset   int
	computed bool // by an expression, so that it must not be shown: it may be a secret
}

type valueKind int

const (
	absent valueKind = iota // null: as if the key was not there
	boolean
	integer
	float
	text
	list
	block
)

// String names the kind as a message does: "is a number".
func (k valueKind) String() string {
	return [...]string{"null", "a bool", "a number", "a fraction", "a string", "a list", "a block"}[k]
}

// maxDepth bounds the nesting of braces, brackets and parentheses. The parsers
// are recursive, and a stack that overflows cannot be recovered from.
const maxDepth = 100

// objects returns the blocks that a value holds: itself, or, as in JSON, those
// of a list. It is false if the value is neither.
func (v value) objects() ([]value, bool) {
	switch v.kind {
	case block:
		return []value{v}, true
	case list:
		for _, element := range v.list {
			if element.kind != block {
				return nil, false
			}
		}
		return v.list, true
	}
	return nil, false
}
