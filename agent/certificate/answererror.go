// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import "fmt"

// Refusal is the reason why an answer must not be published.
type Refusal int

// The refusals.
const (
	Malformed    Refusal = iota + 1 // it cannot be read
	WrongKey                        // the certificate is for another key
	WrongKeyType                    // the key is not of the specified kind
	WrongNames                      // specified names are missing
	NotValid                        // it is not valid now
	Unchained                       // no CA of the answer signed the certificate
)

// AnswerError is the error of an answer from Vault that must not be published.
type AnswerError struct {
	Refusal Refusal
	Field   string // of the answer, if it is malformed
	cause   error
}

func malformed(field string, err error) error {
	return &AnswerError{Refusal: Malformed, Field: field, cause: err}
}

func refused(r Refusal, format string, args ...any) error {
	return &AnswerError{Refusal: r, cause: fmt.Errorf(format, args...)}
}

// Error returns a message without private keys, whatever the answer contains.
func (e *AnswerError) Error() string {
	if e.Field != "" {
		return fmt.Sprintf("Vault's answer: %s: %v", e.Field, e.cause)
	}
	return "Vault's answer: " + e.cause.Error()
}

func (e *AnswerError) Unwrap() error { return e.cause }
