// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"fmt"
	"io"
	"net/http"
)

const (
	// maxBody bounds an answer, unpacked. Vault's own answers are some
	// kilobytes; a list of a hundred thousand keys is some megabytes.
	maxBody   = 16 << 20
	maxHeader = 1 << 20
)

// boundBody has reading fail once the body is longer than maxBody, and refuses
// at once a body that announces it.
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
	// One byte more than allowed is asked for, to tell a body that ends here
	// from one that goes on.
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
	return fmt.Sprintf("the answer is longer than %d MiB: is this really Vault?", maxBody>>20)
}
