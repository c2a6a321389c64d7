// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package redact holds the two types that carry secrets through the program: a
// token and the bytes of a file. Whatever prints them, a log, an error, a
// panic or JSON, shows "[redacted]"; only an explicit conversion shows what is
// inside.
//
// It refuses to do more than that: the memory is ordinary memory, neither
// locked nor wiped.
package redact

import (
	"fmt"
	"log/slog"
)

// Mark is what is printed in a secret's place.
const Mark = "[redacted]"

// Secret is a text that must not be printed, such as a token. The zero value is
// an empty secret. Use string(s) to get at the text.
type Secret string

// Format prints the mark, whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, Mark) }

// String returns the mark.
func (Secret) String() string { return Mark }

// MarshalText returns the mark, so that JSON, too, shows nothing.
func (Secret) MarshalText() ([]byte, error) { return []byte(Mark), nil }

// LogValue returns the mark.
func (Secret) LogValue() slog.Value { return slog.StringValue(Mark) }

// Bytes is content that must not be printed, such as a rendered file. The zero
// value is empty content. Use []byte(b) to get at the content.
type Bytes []byte

// Format prints the mark, whatever the verb.
func (Bytes) Format(f fmt.State, _ rune) { fmt.Fprint(f, Mark) }

// String returns the mark.
func (Bytes) String() string { return Mark }

// MarshalText returns the mark, so that JSON, too, shows nothing.
func (Bytes) MarshalText() ([]byte, error) { return []byte(Mark), nil }

// LogValue returns the mark.
func (Bytes) LogValue() slog.Value { return slog.StringValue(Mark) }
