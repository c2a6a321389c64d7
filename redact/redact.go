// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package redact has two types for secrets: a token and the content of a file. A log,
// an error, a panic and JSON show "[redacted]" instead; only an explicit conversion
// returns the secret.
//
// It does not protect the memory of a secret: that is neither locked nor wiped.
package redact

import (
	"fmt"
	"log/slog"
)

// Mark is printed instead of a secret.
const Mark = "[redacted]"

// Secret is a text that must not be printed, such as a token. The zero value is
// an empty secret. Use string(s) to get the text.
type Secret string

// Format prints the mark, whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, Mark) }

// String returns the mark.
func (Secret) String() string { return Mark }

// MarshalText returns the mark, so that JSON does not contain the secret either.
func (Secret) MarshalText() ([]byte, error) { return []byte(Mark), nil }

// LogValue returns the mark.
func (Secret) LogValue() slog.Value { return slog.StringValue(Mark) }

// Bytes is content that must not be printed, such as a rendered file. The zero
// value is empty content. Use []byte(b) to get the content.
type Bytes []byte

// Format prints the mark, whatever the verb.
func (Bytes) Format(f fmt.State, _ rune) { fmt.Fprint(f, Mark) }

// String returns the mark.
func (Bytes) String() string { return Mark }

// MarshalText returns the mark, so that JSON does not contain the secret either.
func (Bytes) MarshalText() ([]byte, error) { return []byte(Mark), nil }

// LogValue returns the mark.
func (Bytes) LogValue() slog.Value { return slog.StringValue(Mark) }
