// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
)

const (
	// maxBody is the longest body of an answer, uncompressed. Most answers of Vault are
	// some kilobytes; a list of a hundred thousand keys is some megabytes.
	maxBody   = 16 << 20
	maxHeader = 1 << 20

	// maxValues is the most memory that the values of an answer take once it is decoded,
	// besides their text. Most answers have some dozens of values.
	maxValues = 24 << 20

	// From largeBody and largeValues on, answers are read and decoded one at a time.
	largeBody   = 1 << 20
	largeValues = 1 << 20

	// What a value costs once it is decoded: an element, or the one after it, in a list
	// or an object; a list; an object.
	elementCost = 48
	listCost    = 48
	objectCost  = 448
)

// boundBody makes reading fail if the body is longer than maxBody, or has more values
// than maxValues. It returns an error at once if the header already gives a longer
// length.
func (t *transport) boundBody(ctx context.Context, r *http.Response) error {
	if r.ContentLength > maxBody {
		r.Body.Close()
		return errTooLong{}
	}
	r.Body = &boundedBody{body: r.Body, ctx: ctx, large: t.large}
	return nil
}

// boundedBody is a body that is measured while it is read. Reading a large one waits for
// its turn, which ends when the body is closed.
type boundedBody struct {
	body  io.ReadCloser
	ctx   context.Context
	large chan struct{}
	turn  bool // it holds the slot of large

	read, values  int
	text, escaped bool // within a text, and after a backslash in it
	failure       error
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.failure != nil {
		return 0, b.failure
	}
	n, err := b.body.Read(p)
	b.read += n
	b.count(p[:n])
	switch {
	case b.read > maxBody:
		b.failure = errTooLong{}
	case b.values > maxValues:
		b.failure = errTooMany{}
	case !b.turn && (b.read > largeBody || b.values > largeValues):
		b.failure = b.await()
	}
	if b.failure != nil {
		return 0, b.failure
	}
	return n, err
}

// count adds what the values in a part of a JSON text cost. In what is not JSON it may
// count too many.
func (b *boundedBody) count(part []byte) {
	for _, c := range part {
		switch {
		case b.escaped:
			b.escaped = false
		case b.text:
			b.text, b.escaped = c != '"', c == '\\'
		case c == '"':
			b.text = true
		case c == '{':
			b.values += objectCost
		case c == '[':
			b.values += listCost
		case c == ',':
			b.values += elementCost
		}
	}
}

// await waits until no other large answer is being read or decoded.
func (b *boundedBody) await() error {
	select {
	case b.large <- struct{}{}:
		b.turn = true
		return nil
	case <-b.ctx.Done():
		return b.ctx.Err()
	}
}

func (b *boundedBody) Close() error {
	if b.turn {
		b.turn = false
		<-b.large
	}
	return b.body.Close()
}

type errTooLong struct{}

func (errTooLong) Error() string {
	return fmt.Sprintf("the answer is longer than %d MiB: is the address that of Vault?", maxBody>>20)
}

type errTooMany struct{}

func (errTooMany) Error() string {
	return "the answer has too many values: is the address that of Vault?"
}
