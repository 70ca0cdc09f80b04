package io.frz

/**
 * The error codes of the specification, with the same names. Each identifies a fault in a file or a request.
 *
 * Every reader reports the same code for the same fault, so programs can rely on it.
 */
public enum class ErrorCode {
    /** The file does not start with the signature of an `.frz` file. */
    MAGIC,

    /** The file has a version that this decoder does not support. */
    VERSION,

    /** The header sets a reserved flag, or the two directory lengths in it contradict each other. */
    HEADER,

    /** A number in the file exceeds a limit of the format. */
    LIMIT,

    /** The file ends before the end of its directory, or within a tier. */
    TRUNCATED,

    /** Bytes follow the file's last segment. */
    TRAILING,

    /** Bytes do not match their CRC-32. */
    CHECKSUM,

    /** A compressed stream is malformed or of the wrong length. */
    STREAM,

    /** The directory is not well-formed MessagePack, or does not follow the schema. */
    DIRECTORY,

    /** The file requires a feature that this decoder does not support. */
    FEATURE,

    /** The file uses a dtype, number format, basis or coder that this decoder does not support. */
    UNSUPPORTED,

    /** A name is empty, too long, not allowed or not unique, or an alias has no target. */
    NAME,

    /** A view, core or factor does not match a shape. */
    SHAPE,

    /** A value is not finite, a step is out of range, or a `bool` is neither 0 nor 1. */
    VALUE,

    /** A delta file was opened with the wrong base, or a tensor that needs the base was requested without one. */
    BASE,

    /** The file does not contain the requested tier. */
    TIER,

    /** The file does not contain the requested tensor or factor, or the tensor has no coefficients. */
    NOT_FOUND,

    /** An optional library that the file requires is not installed. */
    DEPENDENCY,

    /** The request needs more memory than the caller allows or the platform can provide. */
    BUDGET
}
