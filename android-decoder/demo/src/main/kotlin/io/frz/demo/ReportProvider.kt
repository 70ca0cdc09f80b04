package io.frz.demo

import android.content.ClipData
import android.content.ContentProvider
import android.content.ContentValues
import android.content.Context
import android.content.Intent
import android.database.Cursor
import android.database.MatrixCursor
import android.net.Uri
import android.os.ParcelFileDescriptor
import android.provider.OpenableColumns
import java.io.File
import java.io.FileNotFoundException

/** Gives the recipients of a shared report read access to that report and to nothing else. */
public class ReportProvider : ContentProvider() {
    override fun onCreate(): Boolean = true

    override fun getType(uri: Uri): String = TYPE

    @Throws(FileNotFoundException::class)
    override fun openFile(uri: Uri, mode: String): ParcelFileDescriptor {
        if (mode != "r") throw FileNotFoundException("reports are read-only")
        val file = file(uri) ?: throw FileNotFoundException("there is no report $uri")
        return ParcelFileDescriptor.open(file, ParcelFileDescriptor.MODE_READ_ONLY)
    }

    override fun query(
        uri: Uri,
        columns: Array<String>?,
        selection: String?,
        arguments: Array<String>?,
        order: String?
    ): Cursor? {
        val file = file(uri) ?: return null
        val known = mapOf<String, Any>(OpenableColumns.DISPLAY_NAME to file.name, OpenableColumns.SIZE to file.length())
        val asked = columns?.filter { it in known } ?: known.keys.toList()
        return MatrixCursor(asked.toTypedArray(), 1).apply { addRow(asked.map { known[it] }) }
    }

    override fun insert(uri: Uri, values: ContentValues?): Uri = refuse()

    override fun update(uri: Uri, values: ContentValues?, selection: String?, arguments: Array<String>?): Int = refuse()

    override fun delete(uri: Uri, selection: String?, arguments: Array<String>?): Int = refuse()

    private fun refuse(): Nothing = throw UnsupportedOperationException("reports are read-only")

    /**
     * Returns the report that [uri] names, or null if there is none. Names with a slash are refused, so a URI cannot
     * refer to a file outside the folder.
     */
    private fun file(uri: Uri): File? =
        uri.lastPathSegment?.takeIf { '/' !in it }?.let { File(folder(context!!), it) }?.takeIf { it.isFile }

    internal companion object {
        private const val AUTHORITY = "io.frz.demo.reports"
        private const val TYPE = "application/json"

        /** Returns the folder of the reports. */
        fun folder(context: Context): File = File(context.cacheDir, "reports")

        /** Returns an intent that lets the user choose an app to share [report] with. */
        fun share(report: File, title: CharSequence): Intent {
            val uri = Uri.Builder().scheme("content").authority(AUTHORITY).appendPath(report.name).build()
            val send = Intent(Intent.ACTION_SEND)
                .setType(TYPE)
                .putExtra(Intent.EXTRA_STREAM, uri)
                .addFlags(Intent.FLAG_GRANT_READ_URI_PERMISSION)
            // Android grants the permission for URIs in the clip data, but not for those in extras.
            send.clipData = ClipData.newRawUri(null, uri)
            return Intent.createChooser(send, title).addFlags(Intent.FLAG_GRANT_READ_URI_PERMISSION)
        }
    }
}
