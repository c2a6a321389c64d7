// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package vaultreq

import (
	"errors"
	"io"
)

// Body reads the body of an answer for a parser, whose own error does not tell whether
// the body was read to its end.
type Body struct {
	io.Reader
	failure error // of the last Read that failed; nil at the end of the body
}

// Read implements [io.Reader].
func (b *Body) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err != nil && err != io.EOF {
		b.failure = err
	}
	return n, err
}

// Cut returns why the body was not read to its end, given the error of the parser; nil if
// it was, and is not what the parser expects.
func (b *Body) Cut(parsing error) error {
	switch {
	case b.failure != nil:
		return b.failure
	case errors.Is(parsing, io.ErrUnexpectedEOF):
		return parsing
	}
	return nil
}
