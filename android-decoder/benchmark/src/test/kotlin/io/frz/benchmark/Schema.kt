package io.frz.benchmark

import com.networknt.schema.InputFormat
import com.networknt.schema.JsonSchemaFactory
import com.networknt.schema.SpecVersion
import java.io.File
import org.junit.jupiter.api.Assertions.assertEquals

private val schema by lazy {
    val text = File("../../docs/suite-report.schema.json").readText()
    JsonSchemaFactory.getInstance(SpecVersion.VersionFlag.V202012).getSchema(text)
}

/** Checks the JSON document of a report against the schema in the docs. */
internal fun valid(report: SuiteReport) = assertEquals(
    emptyList<String>(),
    schema.validate(report.toJson(), InputFormat.JSON).map { it.message }
)
