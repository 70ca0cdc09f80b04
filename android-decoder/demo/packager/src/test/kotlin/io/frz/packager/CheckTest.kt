package io.frz.packager

import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.zip.CRC32
import java.util.zip.ZipEntry
import java.util.zip.ZipOutputStream
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** Checks that APKs that phones would not install are rejected. */
class CheckTest {
    @TempDir
    lateinit var folder: File

    private val expected =
        Expected("io.frz.demo", "io.frz.demo.MainActivity", "0.1.0", 1, MIN_SDK, TARGET_SDK, setOf("arm64-v8a"))
    private val badging = """
        package: name='io.frz.demo' versionCode='1' versionName='0.1.0' compileSdkVersion='36' compileSdkVersionCodename='16'
        minSdkVersion:'21'
        targetSdkVersion:'36'
        launchable-activity: name='io.frz.demo.MainActivity'  label='' icon=''
        native-code: 'arm64-v8a'
    """.trimIndent()

    @Test
    fun `correct badging is accepted`() {
        val said = badging(badging, expected)
        val wanted = "badging: io.frz.demo 0.1.0 (1), API 21 and up, target API 36, for arm64-v8a, no permissions"
        assertEquals(wanted, said)
    }

    @Test
    fun `incorrect badging is refused, and the error names the property`() {
        refused("minimum API level") { badging(badging.replace("'21'", "'24'"), expected) }
        refused("compileSdkVersion") { badging(badging.replace(Regex(" compileSdk[^ \n]*"), ""), expected) }
        refused("SDK is 35") { badging(badging.replace("compileSdkVersion='36'", "compileSdkVersion='35'"), expected) }
        refused("target API level") { badging(badging.replace("tSdkVersion:'36'", "tSdkVersion:'3'"), expected) }
        refused("version code is 2, not 1") { badging(badging.replace("Code='1'", "Code='2'"), expected) }
        refused("version is 0.2.0, not 0.1.0") { badging(badging.replace("'0.1.0'", "'0.2.0'"), expected) }
        refused("processors") { badging(badging.replace("arm64-v8a", "x86"), expected) }
        refused("launchable") { badging(badging.replace("launchable-activity", "activity"), expected) }
        refused("package") { badging(badging.replace("io.frz.demo'", "io.frz.other'"), expected) }
    }

    @Test
    fun `permissions and debugging are refused`() {
        for (kind in listOf("uses-permission", "uses-permission-sdk-23")) {
            refused("the APK asks for [android.permission.CAMERA]") {
                badging("$badging\n$kind: name='android.permission.CAMERA'", expected)
            }
        }
        refused("debugged") { badging("$badging\napplication-debuggable", expected) }
    }

    @Test
    fun `the page size of a library is the smallest alignment of what is loaded`() {
        assertEquals(0x4000L, Elf("lib.so", library(true, 0x10000, 0x4000)).page)
        assertEquals(0x1000L, Elf("lib.so", library(true, 0x4000, 0x1000)).page)
        assertEquals(0x1000L, Elf("lib.so", library(false, 0x1000)).page)
        refused("lib.so is not a shared library") { Elf("lib.so", ByteArray(200)) }
        refused("lib.so") { Elf("lib.so", library(true, 0x4000).copyOf(100)) }
        refused("lib.so") { Elf("lib.so", library(true)) }
    }

    @Test
    fun `uncompressed entries must be aligned, libraries to a page`() {
        val apk = zip("ab" to true, "lenet5.frz" to true)
        val at = Layout(apk).entries.associate { it.name to it.offset }
        val frz = at.getValue("lenet5.frz")
        assertEquals("some bytes", apk.readBytes().decodeToString(frz, frz + 10))
        refused("multiple of 4") { alignment(Layout(apk)) }
        refused("multiple of 16384") { alignment(Layout(zip("lib/x.so" to true))) }
        refused("unet.ptl is compressed") { alignment(Layout(zip("unet.ptl" to false))) }
        assertTrue("0 uncompressed" in alignment(Layout(zip("lib/x.so" to false))))
    }

    @Test
    fun `the spans of all entries add up to the size of the file`() {
        val apk = zip("a" to true, "b" to false, "c/d.txt" to false)
        val end = 22
        val descriptors = 2 * 16
        assertEquals(apk.length(), Layout(apk).entries.sumOf { it.span } + end.toLong() + descriptors)
    }

    @Test
    fun `the same input yields the same bytes`() {
        val base = zip("a.frz" to true, "b.xml" to false)
        val dex = File(folder, "classes.dex").apply { writeText("code") }
        val library = File(folder, "arm64-v8a/lib.so").apply { parentFile.mkdirs() }.apply { writeText("native") }
        val natives = nativeLibraries(folder, listOf("arm64-v8a"))
        assertEquals(mapOf("lib/arm64-v8a/lib.so" to library), natives)
        val files = List(2) { File(folder, "$it.apk") }
        files.forEach { file ->
            dex.setLastModified(1_000_000_000_000L + file.name.hashCode())
            assemble(base, listOf(dex), natives, file)
        }
        assertArrayEquals(files[0].readBytes(), files[1].readBytes())
        assertTrue(Layout(files[0]).entries.first { it.name == "a.frz" }.stored)
        assertFalse(Layout(files[0]).entries.first { it.name == "lib/arm64-v8a/lib.so" }.stored)
    }

    @Test
    fun `a processor architecture without libraries is refused`() {
        File(folder, "x86").mkdirs()
        refused("there is no library for mips in $folder, only for x86") { nativeLibraries(folder, listOf("mips")) }
    }

    @Test
    fun `files that are not dex files, zip files or keys are refused`() {
        refused("dex") { DexFile(ByteArray(200)) }
        refused("zip") { Layout(File(folder, "rubbish").apply { writeText("x".repeat(100)) }) }
    }

    @Test
    fun `a key is created once`() {
        val file = File(folder, "keys/debug.keystore")
        assertEquals(SigningKey.at(file).certificate, SigningKey.at(file).certificate)
    }

    /** Returns the headers of a library whose segments are aligned to [pages]; the last segment is not loaded. */
    private fun library(wide: Boolean, vararg pages: Long): ByteArray {
        val header = if (wide) 64 else 52
        val size = if (wide) 56 else 32
        val buffer = ByteBuffer.allocate(header + size * (pages.size + 1)).order(ByteOrder.LITTLE_ENDIAN)
        buffer.putInt(0, 0x464C457F).put(4, if (wide) 2 else 1).put(5, 1)
        if (wide) buffer.putLong(32, header.toLong()) else buffer.putInt(28, header)
        buffer.putShort(if (wide) 54 else 42, size.toShort()).putShort(if (wide) 56 else 44, (pages.size + 1).toShort())
        pages.forEachIndexed { index, page ->
            val at = header + size * index
            buffer.putInt(at, 1)
            if (wide) buffer.putLong(at + 48, page) else buffer.putInt(at + 28, page.toInt())
        }
        return buffer.array()
    }

    private fun refused(words: String, work: () -> Unit) {
        val message = assertThrows(PackagingException::class.java) { work() }.message!!
        assertTrue(words in message, message)
    }

    /** Returns a zip file with small entries, stored or compressed. */
    private fun zip(vararg entries: Pair<String, Boolean>): File {
        val file = File.createTempFile("test", ".zip", folder)
        ZipOutputStream(file.outputStream()).use { zip ->
            for ((name, stored) in entries) {
                val bytes = "some bytes".toByteArray()
                val entry = ZipEntry(name)
                if (stored) {
                    entry.method = ZipEntry.STORED
                    entry.size = bytes.size.toLong()
                    entry.crc = CRC32().apply { update(bytes) }.value
                }
                zip.putNextEntry(entry)
                zip.write(bytes)
                zip.closeEntry()
            }
        }
        return file
    }
}
