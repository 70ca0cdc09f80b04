package io.frz.cli.shell

import picocli.CommandLine.ITypeConverter
import picocli.CommandLine.TypeConversionException

/** Converts the value of an option to an integer of at least [least]. */
public abstract class AtLeast internal constructor(private val least: Int) : ITypeConverter<Int> {
    override fun convert(value: String): Int = value.toIntOrNull()?.takeIf { it >= least }
        ?: throw TypeConversionException("'$value' is not an integer of at least $least")
}

/** Converts the value of an option to an integer of at least 1. */
public class Positive : AtLeast(1)

/** Converts the value of an option to an integer of at least 0. */
public class NotNegative : AtLeast(0)
