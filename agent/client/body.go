// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"fmt"
	"io"
	"net/http"
)

const (
	// maxBody is the longest body of an answer, uncompressed. Most answers of Vault are
	// some kilobytes; a list of a hundred thousand keys is some megabytes.
	maxBody   = 16 << 20
	maxHeader = 1 << 20
)

// boundBody makes reading fail if the body is longer than maxBody. It returns an error
// at once if the header already gives a longer length.
func boundBody(r *http.Response) (*http.Response, error) {
	if r.ContentLength > maxBody {
		r.Body.Close()
		return nil, errTooLong{}
	}
	r.Body = &boundedBody{ReadCloser: r.Body, left: maxBody}
	return r, nil
}

// boundedBody is a body of which at most left more bytes may be read.
type boundedBody struct {
	io.ReadCloser
	left int64
}

func (b *boundedBody) Read(p []byte) (int, error) {
	// Read one byte more than allowed, to detect a body that goes on.
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, errTooLong{}
	}
	return n, err
}

type errTooLong struct{}

func (errTooLong) Error() string {
	return fmt.Sprintf("the answer is longer than %d MiB: is the address that of Vault?", maxBody>>20)
}
