package io.frz.internal.container

/** A field of one of the directory's maps. */
internal interface Field {
    /** The key of the field in the file. */
    val ordinal: Int

    /** The name of the field, in upper case. */
    val name: String
}

/** The fields of the directory, in the order of their keys. */
internal enum class DirectoryField : Field { FEATURES, TIERS, GROUPS, ALIASES, METADATA, BASE }

/** The fields of a group, in the order of their keys. */
internal enum class GroupField : Field {
    DTYPE,
    NAMES,
    SHAPES,
    VIEWS,
    BASES,
    FACTORS,
    SEEDS,
    KEPT,
    CORNERS,
    PER_TIER,
    FORMAT,
    STEPS,
    OFFSETS,
    CODER,
    SIZES,
    DELTA
}
