// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package logmsg lists the messages of the log. A message is a constant: what
// varies goes into attributes under the keys of package logkey, so that an alert
// can be written on a message without reading the source.
package logmsg

// The program: start, reload, stop.
const (
	Starting         = "certagent starts"
	ConfigWarning    = "the configuration may not mean what you think"
	FlagIgnored      = "a flag without meaning for certagent is ignored"
	Exiting          = "certagent ends"
	ExitingWithChild = "certagent ends with its child's exit code"
	GivingUp         = "certagent gives up"
	Stopping         = "stopping"
	StoppingAtOnce   = "stopping at once"
	SignalIgnored    = "this signal has no meaning for certagent"
	Reloaded         = "configuration read again"
	ReloadRefused    = "the changed configuration is not used"
	RestartNeeded    = "this part of the configuration has changed, which takes a restart"
	ConfigChanged    = "configuration changed"
	LibraryMessage   = "a library says"
	WatchdogStopped  = "systemd's watchdog is not told that certagent is alive"
	WatchdogUnused   = "systemd's watchdog is not told anything"
	NotifyFailed     = "systemd cannot be told how certagent is"
)

// The login, its token and the token sinks.
const (
	LoggedIn             = "logged in"
	LoginFailed          = "not logged in"
	TokenRejected        = "token no longer accepted: logging in again"
	CredentialsChanged   = "new credentials: logging in again"
	TokenRenewed         = "token renewed"
	TokenNotRenewedLogin = "token not renewed: logging in again"
	TokenEndsLogin       = "token not renewed: logging in again before it ends"
	TokenNotRenewed      = "token not renewed"
	SecretIDNotRemoved   = "cannot remove the secret id's file after use"
	JWTNotRemoved        = "cannot remove the JWT's file after use"
	TokenWritten         = "token written"
	TokenNotWritten      = "the token was not written"
)

// The connection to Vault and the secrets.
const (
	TLSReloaded      = "certificates for the connection to Vault read anew"
	TLSNotReloaded   = "new certificates for the connection to Vault are not usable: the old ones stay in use"
	VaultSilent      = "no answer from Vault; going on with the valid files on disk"
	VaultWarning     = "Vault answers with a warning"
	SecretFresh      = "secret is fresh"
	SecretFailed     = "secret cannot be fetched"
	SecretNotRenewed = "secret cannot be renewed: the old one stays in use"
	SecretsRecovered = "no secret is failing any more"
	ClockSuspect     = "a certificate that was just issued is not valid now: is this host's clock right?"
)

// Certificates.
const (
	Issuing         = "asking for a certificate"
	Issued          = "issued"
	IssueFailed     = "the certificate cannot be had"
	IssueRecovered  = "the certificate could be had after all"
	IssueLimited    = "a certificate was issued too often within an hour; nothing is asked of Vault until that is over"
	IssuerChanged   = "the issuer has changed: its CAs are published first"
	PasswordMissing = "nothing can be made of the certificate without its password"
	CertificateKept = "the certificate on disk is still good"
)

// A bundle's files.
const (
	FilesKept           = "the files on disk are still good; nothing is asked of Vault"
	RecordIgnored       = "the record of an earlier run is not used"
	StillOwed           = "a change of an earlier run is still owed"
	TemplateNotReloaded = "the changed template is not used"
	RenderFailed        = "render failed; the files on disk stay as they are"
	PublishFailed       = "publish failed; the files on disk stay as they are"
	RepairFailed        = "repair failed; the files on disk stay as they are"
	RollbackFailed      = "rollback failed; the files on disk stay as they are"
	Published           = "published"
	AllPublished        = "every bundle is published"
	LeftoversKept       = "the old generation was not cleared away"
	RecordNotUpdated    = "the record was not brought up to date; the files are as they should be"
	OwedNotRecorded     = "what is owed was not recorded"
	RecordNotRemoved    = "the record of a bundle that became part of this one was not removed"
	RecoveryFailed      = "clearing up after an earlier run"
	NotLocked           = "nothing keeps a second agent from publishing to the same files"
	OwnerUnknown        = "the owner of a bundle's directory is not known"
	FileChanged         = "a published file was changed by somebody else"
	FileRepaired        = "repaired a file's owner or mode"
	FileNotRepaired     = "a file's owner or mode was not repaired"
)

// Check, change and verify.
const (
	CheckPassed     = "the check has passed"
	CheckFailed     = "the check refuses what was published"
	NoPrevious      = "there is no previous generation to go back to: this one stays, and nothing reacts to it until the check has passed"
	RolledBack      = "went back to the previous generation"
	ChangeDone      = "change done"
	ChangeNotNeeded = "change not needed: its target does not run"
	ChangeFailed    = "change failed; it stays owed"
	CommandOutput   = "output of the command"
	Verified        = "verified: the certificate is being served"
	ServedOld       = "another certificate is being served than the published one"
	Unreachable     = "nobody serves the certificate"
	ProbeFailed     = "it cannot be verified what is being served"
)

// Children and signals.
const (
	ChildStarted       = "started the child"
	ChildNotStarted    = "the child did not start"
	ChildRestarts      = "the child will be started again"
	ChildStopping      = "stopping the child"
	ChildExited        = "the child has ended"
	ChildEnded         = "the child ended"
	ChildGroupLeft     = "the child left processes behind: stopping them"
	ChildKilled        = "the child did not end in time: killing it"
	ChildGroupStuck    = "killed processes of the child's group are still there"
	ChildStuck         = "the killed child is still there"
	ChildNotKilled     = "killing the child failed"
	SignalNotForwarded = "a signal was not handed on to the child"
	OrphanReaped       = "reaped an orphan"
	OrphansIgnored     = "orphans are left to others"
)

// Files that are watched.
const (
	PollingDirectory = "watching a directory by polling alone"
	PollingFiles     = "watching files by polling alone"
	FileEventsLost   = "file events were lost: looking at all files"
)
