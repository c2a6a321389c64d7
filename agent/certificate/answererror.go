// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import "fmt"

// Refusal is why an answer is not published.
type Refusal int

// The refusals.
const (
	Malformed    Refusal = iota + 1 // it cannot be read
	WrongKey                        // the certificate is for another key
	WrongKeyType                    // the key is not of the kind asked for
	WrongNames                      // names that were asked for are missing
	NotValid                        // it is not valid now
	Unchained                       // no CA of the answer signed the certificate
)

// AnswerError is an answer of Vault's that must not be published.
type AnswerError struct {
	Refusal Refusal
	Field   string // of the answer, for one that is malformed
	cause   error
}

func malformed(field string, err error) error {
	return &AnswerError{Refusal: Malformed, Field: field, cause: err}
}

func refused(r Refusal, format string, args ...any) error {
	return &AnswerError{Refusal: r, cause: fmt.Errorf(format, args...)}
}

// Error holds no private key, whatever the answer held.
func (e *AnswerError) Error() string {
	if e.Field != "" {
		return fmt.Sprintf("the answer's %s: %v", e.Field, e.cause)
	}
	return "the answer: " + e.cause.Error()
}

func (e *AnswerError) Unwrap() error { return e.cause }
